using System.Collections.Immutable;
using Google.Protobuf;
using OnnxMka.Graph.Proto;
using static OnnxMka.Graph.Proto.AttributeProto.Types;

namespace OnnxMka.Graph.Editing;

/// <summary>Node and port descriptions to protobuf messages.</summary>
internal static class NodeSpecs
{
    public static NodeProto ToProto(NodeSpec spec)
    {
        var node = new NodeProto { OpType = spec.OpType, Name = spec.Name };
        if (spec.Domain.Length > 0) node.Domain = spec.Domain;
        node.Input.AddRange(spec.Inputs);
        node.Output.AddRange(spec.Outputs);
        var attributes = spec.Attributes ?? ImmutableDictionary<string, object>.Empty;
        foreach (var (name, value) in attributes.OrderBy(a => a.Key, StringComparer.Ordinal)) node.Attribute.Add(Attribute(name, value));
        return node;
    }

    /// <summary>A port; without a type where that is not known (ONNX Runtime infers it).</summary>
    public static ValueInfoProto Port(string name, ElementType type, ImmutableArray<string>? dimensions)
    {
        if (type == ElementType.Undefined) return new ValueInfoProto { Name = name };
        var tensor = new TypeProto.Types.Tensor { ElemType = (int)type };
        if (dimensions is { } dims)
        {
            tensor.Shape = new TensorShapeProto();
            foreach (var dim in dims)
            {
                tensor.Shape.Dim.Add(long.TryParse(dim, out var size)
                    ? new TensorShapeProto.Types.Dimension { DimValue = size }
                    : new TensorShapeProto.Types.Dimension { DimParam = dim });
            }
        }

        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
    }

    private static AttributeProto Attribute(string name, object value)
    {
        var attribute = new AttributeProto { Name = name };
        switch (value)
        {
            case long i: (attribute.Type, attribute.I) = (AttributeType.Int, i); break;
            case float f: (attribute.Type, attribute.F) = (AttributeType.Float, f); break;
            case string s: (attribute.Type, attribute.S) = (AttributeType.String, ByteString.CopyFromUtf8(s)); break;
            case long[] list: attribute.Type = AttributeType.Ints; attribute.Ints.AddRange(list); break;
            case TensorRef { Content: MemoryBytes memory } tensor:
                attribute.Type = AttributeType.Tensor;
                attribute.T = new TensorProto { DataType = (int)tensor.Type, RawData = ByteString.CopyFrom(memory.Bytes.Span) };
                attribute.T.Dims.AddRange(tensor.Shape);
                break;
            default: throw new NotSupportedException($"attribute {name} of type {value.GetType().Name}");
        }

        return attribute;
    }
}
