using OnnxMka.Graph;

namespace OnnxMka.Running.Sessions;

/// <summary>Numbers that a graph has as constants: scalars and short lists, from initializers and Constant nodes.</summary>
internal sealed class SmallConstants : IDisposable
{
    private const int Most = 8;

    /// <summary>Nodes between a constant and its reader; exporters write two or three.</summary>
    private const int LongestWay = 16;

    private readonly GraphIndex _index;
    private readonly TensorReader _reader = new();

    public SmallConstants(GraphIndex index) => _index = index;

    /// <summary>The numbers of a value; null where it is no constant, or has more than a few.</summary>
    public double[]? Of(string value) => Source(value, out _) switch
    {
        { Stored: { } tensor } => Read(tensor),
        { Node: { } constant } => Of(constant),
        _ => null,
    };

    /// <summary>The one number of a value; null where it is no constant or has several.</summary>
    public double? Number(string value) => Of(value) is [var number] ? number : null;

    /// <summary>True for numbers that are whole ones by their type.</summary>
    public bool IsWhole(string value)
    {
        var (stored, node) = Source(value, out var cast);
        var type = cast ?? stored?.Type ?? node?.Attributes.GetValueOrDefault("value")?.Tensor?.Type;
        if (type is { } known) return !known.IsMergeable();
        return node is not null && (node.Attributes.ContainsKey("value_int") || node.Attributes.ContainsKey("value_ints"));
    }

    /// <summary>The numbers of a Constant node, however it is written.</summary>
    public double[]? Of(OnnxNode constant)
    {
        foreach (var attribute in constant.Attributes.Values)
        {
            switch (attribute.Name)
            {
                case "value" when attribute.Tensor is { } tensor: return Read(tensor);
                case "value_int": return [attribute.Int];
                case "value_float": return [attribute.Float];
                case "value_ints" when attribute.Ints.Count <= Most: return [.. attribute.Ints.Select(i => (double)i)];
                case "value_floats" when attribute.Floats.Count <= Most: return [.. attribute.Floats.Select(f => (double)f)];
            }
        }

        return null;
    }

    public void Dispose() => _reader.Dispose();

    /// <summary>The initializer or Constant node that a value is, in another shape or type perhaps.</summary>
    /// <param name="cast">The last type that it is given on the way; null where it keeps its own.</param>
    private (TensorRef? Stored, OnnxNode? Node) Source(string value, out ElementType? cast)
    {
        cast = null;
        for (var step = 0; step < LongestWay; step++)
        {
            if (_index.Graph.Initializers.TryGetValue(value, out var stored)) return (stored, null);
            if (_index.Producer(value) is not { } node) return default;
            if (node.OpType == "Constant") return (null, node);
            if (node.OpType is not ("Cast" or "Identity" or "Unsqueeze" or "Squeeze" or "Reshape")) return default;
            if (node.Inputs.Length == 0) return default;
            if (node.OpType == "Cast") cast ??= (ElementType)node.Int("to", 0);
            value = node.Inputs[0];
        }

        return default;
    }

    private double[]? Read(TensorRef tensor) => tensor switch
    {
        { ElementCount: < 1 or > Most } => null,
        { Type: ElementType.Int64 or ElementType.Int32 or ElementType.Int16 or ElementType.UInt8 or ElementType.Bool } =>
            [.. _reader.ReadInts(tensor).Select(i => (double)i)],
        _ when tensor.Type.IsMergeable() => [.. _reader.ReadFloats(tensor).Select(f => (double)f)],
        _ => null,
    };
}
