using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Structure;

namespace OnnxMka.Compensation;

/// <summary>
/// A weight whose product is added to the stream as it is, found by structure: the output projection of attention, the down projection of
/// the MLP. <code>seam out = seam in + scale (features W + bias) + ...</code>
/// </summary>
/// <param name="Features">Value that the weight multiplies, rows of width <paramref name="Inputs"/>.</param>
/// <param name="Transposed">Stored as [out, in].</param>
/// <param name="Bias">Added to the product; null where there is none, or none of the stream's width.</param>
internal sealed record ResidualWriter(
    BlockParameter Weight, string Features, bool Transposed, int Inputs, int Outputs, BlockParameter? Bias, double Scale)
{
    /// <summary>Place of the product in a runnable order.</summary>
    public int Position { get; init; }
}

/// <summary>Walks from what a block leaves back to what it takes, along sums only.</summary>
internal sealed class ResidualWriters
{
    private readonly BlockMap _map;
    private readonly NormalisedView _view;
    private readonly Block _block;
    private readonly List<ResidualWriter> _found = [];
    private readonly List<string> _obstacles = [];

    private ResidualWriters(BlockMap map, NormalisedView view, Block block)
    {
        _map = map;
        _view = view;
        _block = block;
    }

    /// <summary>The writers of a block in running order, and what ended the branches that have none.</summary>
    public static (ImmutableArray<ResidualWriter> Writers, ImmutableArray<string> Obstacles) Of(
        BlockMap map, NormalisedView view, Block block)
    {
        var walk = new ResidualWriters(map, view, block);
        walk.Visit(block.Output.Value, 1);
        return ([.. walk._found.OrderBy(w => w.Position)], [.. walk._obstacles]);
    }

    private void Visit(string value, double scale)
    {
        if (value == _block.Input.Value || _view.Producer(value) is not { } node) return;
        switch (node.Op)
        {
            case "Cast" or "Identity" or "Reshape":
                Visit(node.Inputs[0], scale);
                break;
            case "Add" or "ResidualSum":
                VisitSum(node, scale);
                break;
            case "Mul" when node.Inputs.Select(Scalar).FirstOrDefault(s => s is not null) is { } factor:
                Visit(node.Inputs.First(i => Scalar(i) is null), scale * factor);
                break;
            case "MatMul":
                AddWriter(node, scale, false, null);
                break;
            case "Gemm" when node.Origin.Int("transA", 0) == 0 && node.Origin.Float("alpha", 1) == 1 && node.Origin.Float("beta", 1) == 1:
                AddWriter(node, scale, node.Origin.Int("transB", 0) != 0, node.Inputs.Length > 2 ? Parameter(node, 2) : null);
                break;
            default:
                _obstacles.Add($"{node.Op} ({node.Origin.Label})");
                break;
        }
    }

    /// <summary>A constant operand is the bias of what it is added to: of the last writer below that has none.</summary>
    private void VisitSum(ViewNode node, double scale)
    {
        var before = _found.Count;
        BlockParameter? bias = null;
        for (var i = 0; i < node.Inputs.Length; i++)
        {
            if (Parameter(node, i) is { } constant) bias = constant;
            else Visit(node.Inputs[i], scale);
        }

        if (bias is null || scale != 1) return;
        var last = Enumerable.Range(before, _found.Count - before)
            .Where(i => _found[i].Bias is null && _found[i].Scale == 1 && IsBiasOf(bias, _found[i].Outputs))
            .Order()
            .LastOrDefault(-1);
        if (last >= 0) _found[last] = _found[last] with { Bias = bias };
    }

    private void AddWriter(ViewNode node, double scale, bool transposed, BlockParameter? bias)
    {
        if (LinearWeight.Of(_map, _block, node, transposed) is not { } weight)
        {
            _obstacles.Add($"{node.Op} without a plain float weight ({node.Origin.Label})");
            return;
        }

        var usable = bias is not null && scale == 1 && IsBiasOf(bias, weight.Outputs) ? bias : null;
        var (parameter, inputs, outputs) = (weight.Parameter, weight.Inputs, weight.Outputs);
        _found.Add(new ResidualWriter(parameter, node.Inputs[0], weight.Transposed, inputs, outputs, usable, scale)
        {
            Position = node.Position,
        });
    }

    private bool IsBiasOf(BlockParameter bias, int outputs) =>
        bias.Use.Chain.All(i => _map.Model.Graph.Nodes[i].OpType is "Identity" or "Cast")
            && _map.Tensor(bias.Initializer) is var tensor
            && tensor.ElementCount == outputs
            && tensor.Type.IsMergeable();

    private BlockParameter? Parameter(ViewNode node, int input) => LinearWeight.ParameterAt(_block, node, input);

    private double? Scalar(string value)
    {
        var stored = _map.Model.Graph.Initializers.ContainsKey(value)
            || _view.Producer(value) is { Op: "Constant" } constant
            && constant.Origin.Attributes.ContainsKey("value");
        if (!stored || _map.Tensor(value) is not { ElementCount: 1 } tensor || !tensor.Type.IsMergeable()) return null;
        using var reader = new TensorReader();
        return reader.ReadFloats(tensor)[0];
    }
}
