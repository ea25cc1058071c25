using System.Collections.Immutable;
using System.Security.Cryptography;
using OnnxMka.Graph;

namespace OnnxMka.Blocks;

/// <summary>
/// Names every value by how it is computed from the cut before it, by hash-consing: equal numbers mean equal expressions, with
/// no collisions. Two depths:
/// <list type="bullet">
/// <item>exact: attributes, element types, sizes and constants count; weights by type and size, tables and scalars by content;</item>
/// <item>structural: operators and wiring only, so that layers with other windows, sizes or bits still look alike.</item>
/// </list>
/// </summary>
internal sealed class StructureHash : IDisposable
{
    private readonly StreamSegments _segments;
    private readonly ConstantValues _constants;
    private readonly bool _exact;
    private readonly TensorReader _reader = new();
    private readonly Dictionary<string, int> _interned = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _contents = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ValueInfo> _kvInputs;

    public StructureHash(StreamSegments segments, ConstantValues constants, bool exact)
    {
        _segments = segments;
        _constants = constants;
        _exact = exact;
        var ports = segments.KvInputs.Select(k => k.Port).ToHashSet(StringComparer.Ordinal);
        _kvInputs = segments.Stream.View.Index.Graph.Inputs.Where(i => ports.Contains(i.Name)).ToDictionary(i => i.Name, StringComparer.Ordinal);
        foreach (var node in segments.Stream.View.Nodes) Name(node);
    }

    /// <summary>Number of the whole segment: what its last value and its cache outputs compute.</summary>
    public int Word(int segment)
    {
        var ends = _segments.KvOutputs.Where(k => k.Segment == segment).Select(k => k.Port).Prepend(_segments.Stream.Cuts[segment + 1]);
        return Intern("word(" + string.Join(',', ends.Select(e => _values[e])) + ")");
    }

    /// <summary>Number of a value inside its segment; orders the operands of commutative operators.</summary>
    public int Of(string value) => Read(value, node: null, slot: 0);

    public int Intern(string expression)
    {
        if (!_interned.TryGetValue(expression, out var number)) _interned[expression] = number = _interned.Count;
        return number;
    }

    public void Dispose() => _reader.Dispose();

    public static bool IsCommutative(ViewNode node) => node.Op is "Add" or "Sum" or "Mul" or "ResidualSum" or "And" or "Or";

    private void Name(ViewNode node)
    {
        var inputs = node.Inputs.Select((value, i) => Read(value, node, node.Slots[i])).ToImmutableArray();
        if (node.Op == "Identity")
        {
            _values[node.Outputs[0]] = inputs[0];
            return;
        }

        if (node.Op == "Constant")
        {
            _values[node.Outputs[0]] = _constants.Tensor(node.Outputs[0]) is not null
                ? Leaf(node.Outputs[0], node: null)
                : Intern($"constant:{Attributes(node)}");
            return;
        }

        if (IsCommutative(node)) inputs = inputs.Sort();
        var expression = $"{node.Op}({string.Join(',', inputs)}){Attributes(node)}";
        for (var i = 0; i < node.Outputs.Length; i++)
        {
            if (node.Outputs[i].Length > 0) _values[node.Outputs[i]] = Intern($"{expression}#{i}");
        }
    }

    /// <summary>Canonical texts; tensors (<c>value</c> of ConstantOfShape) by content, since their names say nothing.</summary>
    private string Attributes(ViewNode node)
    {
        if (!_exact) return "";
        var tensors = node.Attributes.Length == 0 ? [] : node.Origin.Attributes.Values.Where(a => a.Tensor is not null).OrderBy(a => a.Name, StringComparer.Ordinal).ToArray();
        var texts = node.Attributes.Where(text => !tensors.Any(a => text.StartsWith($"{a.Name}=tensor:", StringComparison.Ordinal)));
        return string.Join(';', texts.Concat(tensors.Select(a => $"{a.Name}={a.Tensor!.Type}:{string.Join('x', a.Tensor.Shape)}:{Content(a.Tensor, $"{node.Outputs[0]}.{a.Name}")}")));
    }

    private int Read(string value, ViewNode? node, int slot)
    {
        if (value.Length == 0) return Intern("none");
        if (_segments.IsCut(value)) return Intern("seam");
        if (node is not null && _constants.Tensor(value) is not null) return Leaf(value, node);
        if (_values.TryGetValue(value, out var number)) return number;
        if (_constants.Tensor(value) is not null) return Leaf(value, node);
        if (_kvInputs.TryGetValue(value, out var port)) return Intern(_exact ? $"kv:{port.Type}:{port.Rank}" : "kv");
        return Intern($"port:{value}");
    }

    private int Leaf(string value, ViewNode? node)
    {
        var tensor = _constants.Tensor(value)!;
        var learned = IsLearned(tensor, value, node);
        if (!_exact) return Intern(learned ? $"weight:{tensor.Shape.Length}" : $"constant:{tensor.Shape.Length}");
        return Intern(learned ? $"weight:{tensor.Type}:{string.Join('x', tensor.Shape)}" : $"constant:{tensor.Type}:{string.Join('x', tensor.Shape)}:{Content(tensor, value)}");
    }

    private bool IsLearned(TensorRef tensor, string value, ViewNode? node)
    {
        if (_constants.IsTable(value)) return false;
        if (node is not null && QuantisedWeights.ReadsWeights(node, _segments.Stream.View)) return true;
        return tensor.ElementCount > 1 && (tensor.Type.IsMergeable() || QuantisedWeights.IsPacked(tensor.Type));
    }

    private string Content(TensorRef tensor, string value)
    {
        if (_contents.TryGetValue(value, out var known)) return known;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[Math.Min(tensor.ByteLength, 1 << 20)];
        for (long offset = 0; offset < tensor.ByteLength; offset += buffer.Length)
        {
            var part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, tensor.ByteLength - offset));
            _reader.Read(tensor, offset, part);
            hash.AppendData(part);
        }

        return _contents[value] = Convert.ToHexString(hash.GetHashAndReset());
    }
}
