using System.Collections.Immutable;
using System.Security.Cryptography;
using OnnxMka.Graph;

namespace OnnxMka.Structure;

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
    private readonly Dictionary<TensorContent, string> _contents = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, ValueInfo> _kvInputs;
    private readonly Func<string, int> _around;

    public StructureHash(StreamSegments segments, ConstantValues constants, bool exact)
    {
        _segments = segments;
        _constants = constants;
        _exact = exact;
        _around = Of;
        var ports = segments.KvInputs.Select(k => k.Port).ToHashSet(StringComparer.Ordinal);
        _kvInputs = segments.Stream.View.Index.Graph.Inputs.Where(i => ports.Contains(i.Name)).ToDictionary(
            i => i.Name, StringComparer.Ordinal);
        foreach (var node in segments.Stream.View.Nodes) Name(node);
    }

    /// <summary>Number of the whole segment: what its last value and its cache outputs compute.</summary>
    public int Word(int segment)
    {
        var ends = _segments.KvOutputsOf(segment).Prepend(_segments.Stream.Cuts[segment + 1]);
        return Intern("word(" + string.Join(',', ends.Select(e => _values[e])) + ")");
    }

    /// <summary>Number of a value inside its segment; orders the operands of commutative operators.</summary>
    public int Of(string value) => Read(value, node: null);

    public int Intern(string expression)
    {
        if (!_interned.TryGetValue(expression, out var number)) _interned[expression] = number = _interned.Count;
        return number;
    }

    /// <summary>An attribute without subgraphs as text; tensors by content.</summary>
    public string Text(OnnxAttribute attribute) =>
        string.Join(':', attribute.Tensors.Select(Content).Prepend(attribute.Canonical(tensorNames: false)));

    public void Dispose() => _reader.Dispose();

    public static bool IsCommutative(ViewNode node) => node.Op is "Add" or "Sum" or "Mul" or "ResidualSum" or "And" or "Or";

    private void Name(ViewNode node)
    {
        var inputs = node.Inputs.Select(value => Read(value, node)).ToImmutableArray();
        if (node.Op == "Identity")
        {
            _values[node.Outputs[0]] = inputs[0];
            return;
        }

        if (node.Op == "Constant" && _constants.Tensor(node.Outputs[0]) is not null)
        {
            _values[node.Outputs[0]] = Leaf(node.Outputs[0], node: null);
            return;
        }

        if (IsCommutative(node)) inputs = inputs.Sort();
        var attributes = node.Epsilon is { } epsilon ? (_exact ? $"epsilon={epsilon:R}" : "") : Attributes(node.Attributes, _around);
        Name(node.Outputs, $"{node.Op}({string.Join(',', inputs)}){attributes}", _values);
    }

    private void Name(ImmutableArray<string> outputs, string expression, Dictionary<string, int> values)
    {
        var number = Intern(expression);
        for (var i = 0; i < outputs.Length; i++)
        {
            if (outputs[i].Length > 0) values[outputs[i]] = outputs.Length == 1 ? number : Intern($"{number}#{i}");
        }
    }

    /// <summary>
    /// Canonical texts, sorted; tensors (<c>value</c> of ConstantOfShape) by content and subgraphs by what they compute, since their names
    /// say nothing.
    /// </summary>
    private string Attributes(IEnumerable<OnnxAttribute> attributes, Func<string, int> outer)
    {
        var counting = attributes.Where(a => _exact || a.HasSubgraph).ToArray();
        if (counting.Length == 0) return "";
        return string.Join(';', counting.OrderBy(a => a.Name, StringComparer.Ordinal).Select(a => a.HasSubgraph
            ? $"{a.Name}=({string.Join(',', a.Subgraphs.Select(g => Body(g, outer)))})"
            : Text(a)));
    }

    /// <summary>Number of a subgraph: what its outputs compute from its inputs, its own constants, and the values around it.</summary>
    private int Body(OnnxGraph graph, Func<string, int> outer)
    {
        var values = new Dictionary<string, int>(StringComparer.Ordinal) { [""] = Intern("none") };
        for (var i = 0; i < graph.Inputs.Count; i++)
            values[graph.Inputs[i].Name] = Intern(_exact ? $"input:{i}:{graph.Inputs[i].Type}:{graph.Inputs[i].Rank}" : $"input:{i}");
        foreach (var (name, tensor) in graph.Initializers) values[name] = Leaf(tensor, ConstantValues.IsWeight(tensor));
        foreach (var node in graph.Nodes)
        {
            Name(
                node.Outputs,
                $"{NormalisedView.Qualified(node)}({string.Join(',', node.Inputs.Select(Of))}){Attributes(node.Attributes.Values, Of)}",
                values);
        }

        return Intern($"graph({string.Join(',', graph.Outputs.Select(o => Of(o.Name)))})");

        int Of(string value) => values.TryGetValue(value, out var number) ? number : outer(value);
    }

    private int Read(string value, ViewNode? node)
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
        return Leaf(tensor, _constants.IsLearned(tensor, value, node));
    }

    private int Leaf(TensorRef tensor, bool learned)
    {
        if (!_exact) return Intern(learned ? $"weight:{tensor.Shape.Length}" : $"constant:{tensor.Shape.Length}");
        return Intern(
            learned
                ? $"weight:{tensor.Type}:{string.Join('x', tensor.Shape)}"
                : $"constant:{tensor.Type}:{string.Join('x', tensor.Shape)}:{Content(tensor)}");
    }

    /// <summary>Short contents as they are, others by a hash.</summary>
    private string Content(TensorRef tensor)
    {
        if (tensor.ByteLength <= SHA256.HashSizeInBytes) return Convert.ToHexString(_reader.ReadBytes(tensor));
        if (_contents.TryGetValue(tensor.Content, out var known)) return known;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[Math.Min(tensor.ByteLength, 1 << 20)];
        for (long offset = 0; offset < tensor.ByteLength; offset += buffer.Length)
        {
            var part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, tensor.ByteLength - offset));
            _reader.Read(tensor, offset, part);
            hash.AppendData(part);
        }

        return _contents[tensor.Content] = Convert.ToHexString(hash.GetHashAndReset());
    }
}
