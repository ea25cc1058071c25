using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>Stored tensors of a graph through what stands between them and their readers: casts, turns, copies.</summary>
internal sealed class Operands
{
    private readonly Dictionary<string, Func<Matrix?>> _stored = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (string Op, string Input, ElementType To)> _passing = new(StringComparer.Ordinal);

    public Operands(GraphProto graph)
    {
        foreach (var tensor in graph.Initializer) Add(tensor.Name, tensor);
        foreach (var node in graph.Node)
        {
            AttributeProto? Attribute(string name) => node.Attribute.FirstOrDefault(a => a.Name == name);
            if (node.OpType == "Constant" && Attribute("value")?.T is { } value) Add(node.Output[0], value);
            if (Passes(node.OpType)) _passing[node.Output[0]] = (node.OpType, node.Input[0], (ElementType)(Attribute("to")?.I ?? 0));
        }

        void Add(string name, TensorProto tensor) =>
            _stored[name] = () => Read((ElementType)tensor.DataType, [.. tensor.Dims], tensor.RawData.ToByteArray());
    }

    public Operands(OnnxModel model)
    {
        foreach (var (name, tensor) in model.Graph.Initializers) Add(name, tensor);
        foreach (var node in model.Graph.Nodes)
        {
            if (node.OpType == "Constant" && node.Attributes.GetValueOrDefault("value")?.Tensor is { } value) Add(node.Outputs[0], value);
            if (Passes(node.OpType)) _passing[node.Outputs[0]] = (node.OpType, node.Inputs[0], (ElementType)node.Int("to", 0));
        }

        void Add(string name, TensorRef tensor) => _stored[name] = () =>
        {
            using var reader = new TensorReader();
            return Read(tensor.Type, [.. tensor.Shape], reader.ReadBytes(tensor));
        };
    }

    public static bool Passes(string op) => op is "Identity" or "Cast" or "Transpose";

    /// <summary>Null where no stored floats are read.</summary>
    public Matrix? Of(string name)
    {
        if (_stored.TryGetValue(name, out var read)) return read();
        if (!_passing.TryGetValue(name, out var node) || Of(node.Input) is not { } value) return null;
        return node.Op switch
        {
            "Transpose" => value.Shape.Length == 2 ? value.Turned() : null,
            "Cast" => node.To is ElementType.Float or ElementType.Float16 ? value with { Type = node.To } : null,
            _ => value,
        };
    }

    private static Matrix? Read(ElementType type, long[] shape, byte[] bytes)
    {
        if (type is not (ElementType.Float or ElementType.Float16 or ElementType.BFloat16)) return null;
        var values = new double[bytes.Length / (type == ElementType.Float ? 4 : 2)];
        FloatCodec.Decode(type, bytes, values);
        return new Matrix(type, shape, values);
    }
}
