using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph;

/// <summary>A graph input or output. Dimensions are numbers or symbols; null shape where the file gives none.</summary>
public sealed record ValueInfo(string Name, ElementType Type, IReadOnlyList<string>? Dimensions)
{
    /// <summary>Number of dimensions, or -1 where unknown.</summary>
    public int Rank => Dimensions?.Count ?? -1;

    internal static ValueInfo From(ValueInfoProto proto)
    {
        var tensor = proto.Type?.TensorType;
        var dims = tensor?.Shape?.Dim.Select(d => d.HasDimValue ? d.DimValue.ToString() : d.DimParam).ToArray();
        return new ValueInfo(proto.Name, (ElementType)(tensor?.ElemType ?? 0), dims);
    }
}

/// <summary>A graph as lists of nodes, ports and initializers, read-only.</summary>
public sealed class OnnxGraph
{
    internal OnnxGraph(GraphProto proto, OnnxModel model)
    {
        Proto = proto;
        Nodes = [.. proto.Node.Select((n, i) => new OnnxNode(i, n, model))];
        Inputs = [.. proto.Input.Select(ValueInfo.From)];
        Outputs = [.. proto.Output.Select(ValueInfo.From)];
        var initializers = new Dictionary<string, TensorRef>(proto.Initializer.Count, StringComparer.Ordinal);
        foreach (var tensor in proto.Initializer)
        {
            if (!initializers.TryAdd(tensor.Name, model.Reference(tensor)))
            {
                throw new RefusedException(
                    "MKA007", tensor.Name, "two initializers have this name", "The file is damaged; export it again");
            }
        }

        Initializers = initializers;
    }

    public string Name => Proto.Name;

    public IReadOnlyList<OnnxNode> Nodes { get; }

    /// <summary>Ports in file order. In models of IR version 3 and older initializers are listed here too.</summary>
    public IReadOnlyList<ValueInfo> Inputs { get; }

    public IReadOnlyList<ValueInfo> Outputs { get; }

    /// <summary>Weights and constants by name.</summary>
    public IReadOnlyDictionary<string, TensorRef> Initializers { get; }

    /// <summary>Inputs that a caller must feed: those that no initializer fills.</summary>
    public IEnumerable<ValueInfo> FedInputs => Inputs.Where(i => !Initializers.ContainsKey(i.Name));

    internal GraphProto Proto { get; }
}
