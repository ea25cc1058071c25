using System.Runtime.InteropServices;
using Google.Protobuf;
using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>Other ways to give products their matrices.</summary>
public static partial class Disguises
{
    private const float Factor = 0.5f; // and twice the weights, which is exact

    /// <summary>Matrices in a type of 16 bits, rounded, with a Cast to fp32 before each product.</summary>
    public static byte[] StoredAs(byte[] model, ElementType type) => Rewrite(model, graph =>
    {
        foreach (var (product, matrix) in StoredProducts(graph))
        {
            var values = new double[matrix.Dims[0] * matrix.Dims[1]];
            FloatCodec.Decode(ElementType.Float, matrix.RawData.Span, values);
            var bytes = new byte[values.Length * 2];
            FloatCodec.Encode(type, values, bytes);
            (matrix.DataType, matrix.RawData) = ((int)type, ByteString.CopyFrom(bytes));
            var name = $"{matrix.Name}/cast";
            var cast = new NodeProto { OpType = "Cast", Name = name, Input = { matrix.Name }, Output = { name } };
            cast.Attribute.Add(
                new AttributeProto { Name = "to", Type = AttributeProto.Types.AttributeType.Int, I = (long)ElementType.Float });
            product.Input[1] = cast.Output[0];
            graph.Node.Insert(0, cast);
        }
    });

    /// <summary>Products as ONNX Runtime's optimiser fuses them: with a turned matrix and a factor.</summary>
    public static byte[] FusedMatMuls(byte[] model)
    {
        var proto = ModelProto.Parser.ParseFrom(model);
        foreach (var (product, matrix) in StoredProducts(proto.Graph))
        {
            var weights = new WeightTensor(
                [(int)matrix.Dims[0], (int)matrix.Dims[1]], MemoryMarshal.Cast<byte, float>(matrix.RawData.Span).ToArray());
            var turned = weights.Transposed().Map(v => v / Factor);
            matrix.RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(turned.Span));
            (matrix.Dims[0], matrix.Dims[1]) = (matrix.Dims[1], matrix.Dims[0]);
            (product.OpType, product.Domain) = ("FusedMatMul", "com.microsoft");
            product.Attribute.Add(new AttributeProto { Name = "transB", Type = AttributeProto.Types.AttributeType.Int, I = 1 });
            product.Attribute.Add(new AttributeProto { Name = "alpha", Type = AttributeProto.Types.AttributeType.Float, F = Factor });
        }

        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "com.microsoft", Version = 1 });
        return proto.ToByteArray();
    }

    private static (NodeProto Product, TensorProto Matrix)[] StoredProducts(GraphProto graph)
    {
        var matrices = graph.Initializer.Where(t => t.DataType == (int)ElementType.Float && t.Dims.Count == 2)
            .ToDictionary(t => t.Name, StringComparer.Ordinal);
        var readers = graph.Node.SelectMany(n => n.Input).CountBy(i => i).ToDictionary(StringComparer.Ordinal);
        return [.. graph.Node.Where(n => n.OpType == "MatMul" && matrices.ContainsKey(n.Input[1]) && readers[n.Input[1]] == 1)
            .Select(n => (n, matrices[n.Input[1]]))];
    }
}
