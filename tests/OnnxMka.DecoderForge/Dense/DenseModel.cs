using Google.Protobuf;
using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>
/// The original graph with what a cut left of its weights, in full size again:
/// <code>
/// A [in, r], B [r, out]     A B, summed in float64 and rounded once
/// k of w neurons            the kept ones first and zeros behind, in every section of a matrix that has several
/// </code>
/// Written for tests, from what the files say alone.
/// </summary>
public sealed class DenseModel
{
    private readonly ModelProto _model;
    private readonly List<(int Node, int Slot, Matrix Value)> _changed = [];
    private readonly List<(int Node, Matrix Left, Matrix Right, bool Turned)> _pairs = [];

    private DenseModel(ModelProto model) => _model = model;

    /// <summary>Places whose weights are others than they were.</summary>
    public int Changed => _changed.Count;

    /// <param name="original">A file with its weights inside.</param>
    /// <param name="cut">What was made of it: values have the names that they had.</param>
    /// <param name="neurons">Of each MLP as it was.</param>
    public static DenseModel Of(byte[] original, OnnxModel cut, int neurons, bool interleaved = false)
    {
        var dense = new DenseModel(ModelProto.Parser.ParseFrom(original));
        var (before, after) = (new Operands(dense._model.Graph), new Operands(cut));
        var nodes = cut.Graph.Nodes.GroupBy(n => n.Outputs.First(o => o.Length > 0)).ToDictionary(g => g.Key, g => g.Single());
        for (var i = 0; i < dense._model.Graph.Node.Count; i++)
        {
            var node = dense._model.Graph.Node[i];
            if (Operands.Passes(node.OpType) || node.OpType == "Constant") continue;
            var now = nodes[node.Output.First(o => o.Length > 0)];
            for (var slot = 0; slot < node.Input.Count; slot++)
            {
                if (before.Of(node.Input[slot]) is not { } was) continue;
                var value = after.Of(now.Inputs[slot]) ?? throw new InvalidOperationException($"{node.Name} lost its operand {slot}");
                if (slot == 1 && now.Inputs[0] != node.Input[0])
                {
                    var first = nodes[now.Inputs[0]];
                    if (first.OpType != "MatMul" || first.Inputs[0] != node.Input[0])
                        throw new InvalidOperationException($"{first} is no pair's");
                    var turned = node.Attribute.Any(a => a.Name == "transB" && a.I != 0);
                    var (left, right) = (after.Of(first.Inputs[1])!, turned ? value.Turned() : value);
                    dense._pairs.Add((dense._changed.Count, left, right, turned));
                    value = Product(left, right, turned);
                }

                if (!value.SameAs(was)) dense._changed.Add((i, slot, value.Padded(was, neurons, interleaved)));
            }
        }

        return dense;
    }

    /// <summary>The file.</summary>
    public byte[] Bytes() => With(_changed);

    /// <summary>The same with the first pair's largest direction left out, or where there is no pair the last change halved.</summary>
    public byte[] Damaged()
    {
        if (_pairs is not [var (place, left, right, turned), ..])
            return With(_changed.Select((c, i) => i == _changed.Count - 1 ? c with { Value = c.Value.Halved() } : c));
        var values = left.Values.ToArray();
        for (var i = 0; i < values.Length; i += (int)left.Shape[1]) values[i] = 0;
        var less = Product(left with { Values = values }, right, turned);
        return With(_changed.Select((c, i) => i == place ? c with { Value = less } : c));
    }

    private byte[] With(IEnumerable<(int Node, int Slot, Matrix Value)> changed)
    {
        var model = _model.Clone();
        foreach (var (node, slot, value) in changed)
        {
            var name = $"dense_{node}_{slot}";
            model.Graph.Initializer.Add(value.Tensor(name));
            model.Graph.Node[node].Input[slot] = name;
        }

        return model.ToByteArray();
    }

    private static Matrix Product(Matrix left, Matrix right, bool turned)
    {
        var (rows, inner, columns) = ((int)left.Shape[0], (int)left.Shape[1], (int)right.Shape[1]);
        var product = new double[rows * columns];
        for (var i = 0; i < rows; i++)
        {
            for (var k = 0; k < inner; k++)
            {
                for (var j = 0; j < columns; j++)
                    product[(i * columns) + j] += left.Values[(i * inner) + k] * right.Values[(k * columns) + j];
            }
        }

        var whole = new Matrix(right.Type, [rows, columns], product);
        return turned ? whole.Turned() : whole;
    }
}
