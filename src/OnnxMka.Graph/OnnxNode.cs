using System.Collections.Immutable;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph;

/// <summary>
/// One node, read-only. <see cref="Index"/> is its place in the node list and its identity in an <see cref="Editing.EditScript"/>.
/// </summary>
public sealed class OnnxNode
{
    private readonly Dictionary<string, OnnxAttribute> _attributes;

    internal OnnxNode(int index, NodeProto proto, OnnxModel model)
    {
        Index = index;
        Proto = proto;
        Inputs = [.. proto.Input];
        Outputs = [.. proto.Output];
        _attributes = new Dictionary<string, OnnxAttribute>(proto.Attribute.Count, StringComparer.Ordinal);
        foreach (var attribute in proto.Attribute)
        {
            if (!_attributes.TryAdd(attribute.Name, new OnnxAttribute(attribute, model)))
            {
                throw new RefusedException(
                    "MKA007", proto.Name, $"it has two attributes '{attribute.Name}'", "The file is damaged; export it again");
            }
        }

        Captures = CapturedNames(proto);
    }

    public int Index { get; }

    public string Name => Proto.Name;

    public string OpType => Proto.OpType;

    /// <summary>Operator domain; <c>""</c> is the ONNX standard domain.</summary>
    public string Domain => Proto.Domain == "ai.onnx" ? "" : Proto.Domain;

    /// <summary>Names of the inputs; <c>""</c> marks one left out.</summary>
    public ImmutableArray<string> Inputs { get; }

    /// <summary>Names of the outputs; <c>""</c> marks one left out.</summary>
    public ImmutableArray<string> Outputs { get; }

    /// <summary>Outer values that the node's subgraphs read.</summary>
    public ImmutableArray<string> Captures { get; }

    public IReadOnlyDictionary<string, OnnxAttribute> Attributes => _attributes;

    public IEnumerable<KeyValuePair<string, string>> Metadata =>
        Proto.MetadataProps.Select(p => KeyValuePair.Create(p.Key, p.Value));

    internal NodeProto Proto { get; }

    public bool Is(string domain, string opType) => OpType == opType && Domain == domain;

    /// <summary>A name for messages: the node's own, or operator and first output where it has none.</summary>
    public string Label => Name.Length > 0 ? Name : $"{OpType} -> {(Outputs.Length > 0 ? Outputs[0] : "?")}";

    public long Int(string attribute, long fallback) => _attributes.TryGetValue(attribute, out var a) ? a.Int : fallback;

    public float Float(string attribute, float fallback) => _attributes.TryGetValue(attribute, out var a) ? a.Float : fallback;

    public override string ToString() => $"{OpType} {Label}";

    /// <summary>Outer values that a subgraph reads.</summary>
    internal static IReadOnlySet<string> CapturedBy(GraphProto subgraph)
    {
        var captured = new SortedSet<string>(StringComparer.Ordinal);
        Collect(subgraph, captured);
        return captured;
    }

    private static ImmutableArray<string> CapturedNames(NodeProto node)
    {
        if (!node.Attribute.Any(a => a.G is not null || a.Graphs.Count > 0)) return [];
        var captured = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var attribute in node.Attribute)
        {
            if (attribute.G is not null) Collect(attribute.G, captured);
            foreach (var graph in attribute.Graphs) Collect(graph, captured);
        }

        return [.. captured];
    }

    private static void Collect(GraphProto graph, SortedSet<string> captured)
    {
        var own = new HashSet<string>(StringComparer.Ordinal) { "" };
        own.UnionWith(graph.Input.Select(i => i.Name));
        own.UnionWith(graph.Initializer.Select(i => i.Name));
        own.UnionWith(graph.Node.SelectMany(n => n.Output));
        var read = graph.Node.SelectMany(n => n.Input.Concat(CapturedNames(n))).Concat(graph.Output.Select(o => o.Name));
        captured.UnionWith(read.Where(name => !own.Contains(name)));
    }
}

/// <summary>One attribute of a node, read-only.</summary>
public sealed class OnnxAttribute
{
    private readonly AttributeProto _proto;
    private readonly OnnxModel _model;

    internal OnnxAttribute(AttributeProto proto, OnnxModel model)
    {
        _proto = proto;
        _model = model;
        Subgraphs = [.. (proto.G is null ? proto.Graphs : proto.Graphs.Prepend(proto.G)).Select(g => new OnnxGraph(g, model))];
    }

    public string Name => _proto.Name;

    /// <summary>True within a function where its caller gives the value: the attribute itself then has none.</summary>
    public bool IsReference => _proto.HasRefAttrName && _proto.RefAttrName.Length > 0;

    public long Int => _proto.I;

    public float Float => _proto.F;

    public string Text => _proto.S.ToStringUtf8();

    public IReadOnlyList<long> Ints => _proto.Ints;

    public IReadOnlyList<float> Floats => _proto.Floats;

    /// <summary>The tensor of a Constant node and its like; null for other attributes.</summary>
    public TensorRef? Tensor => _proto.T is null ? null : _model.Reference(_proto.T);

    /// <summary>All tensors of the attribute itself: its value, a list of them, or values and indices of sparse ones.</summary>
    public IEnumerable<TensorRef> Tensors => TensorWalk.Own(_proto).Select(_model.Reference);

    public bool HasSubgraph => Subgraphs.Length > 0;

    /// <summary>The subgraph of an <c>If</c>, <c>Loop</c> or <c>BeamSearch</c> attribute; null for other attributes.</summary>
    public OnnxGraph? Subgraph => _proto.G is null ? null : Subgraphs[0];

    public ImmutableArray<OnnxGraph> Subgraphs { get; }

    /// <summary>Value in canonical text: the same for equal attributes whatever order or encoding the exporter chose.</summary>
    /// <param name="tensorNames">False where tensors stand by type and shape only.</param>
    public string Canonical(bool tensorNames = true)
    {
        return _proto switch
        {
            { T: not null } => $"{Name}=tensor:{Text(_proto.T)}",
            _ when HasSubgraph => $"{Name}=graph",
            { Tensors.Count: > 0 } => $"{Name}=[{string.Join(", ", _proto.Tensors.Select(Text))}]",
            { SparseTensor: not null } => $"{Name}=sparse[{string.Join(',', _proto.SparseTensor.Dims)}]",
            { SparseTensors.Count: > 0 } =>
                $"{Name}=[{string.Join(", ", _proto.SparseTensors.Select(s => $"sparse[{string.Join(',', s.Dims)}]"))}]",
            { Tp: not null } => $"{Name}={_proto.Tp}",
            { TypeProtos.Count: > 0 } => $"{Name}={_proto.TypeProtos}",
            { HasRefAttrName: true } => $"{Name}=@{_proto.RefAttrName}",
            {
                Type: AttributeProto.Types.AttributeType.Ints
                    or AttributeProto.Types.AttributeType.Floats
                    or AttributeProto.Types.AttributeType.Strings,
                Ints.Count: 0,
                Floats.Count: 0,
                Strings.Count: 0,
            } => $"{Name}=[]",
            { Ints.Count: > 0 } => $"{Name}=[{string.Join(',', _proto.Ints)}]",
            { Floats.Count: > 0 } => $"{Name}=[{string.Join(',', _proto.Floats.Select(f => f.ToString("R")))}]",
            { Strings.Count: > 0 } => $"{Name}=[{string.Join(',', _proto.Strings.Select(s => s.ToStringUtf8()))}]",
            { HasS: true } => $"{Name}='{_proto.S.ToStringUtf8()}'",
            { HasF: true } => $"{Name}={_proto.F:R}",
            _ => $"{Name}={_proto.I}",
        };

        string Text(TensorProto tensor) =>
            _model.Reference(tensor) is var reference && tensorNames ? reference.ToString() : (reference with { Name = "" }).ToString();
    }
}
