using System.Runtime.InteropServices;
using Google.Protobuf;
using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>
/// Other ways to store weights. What is computed changes, by rules that only the weights decide: a smaller model is disguised alike.
/// </summary>
public static partial class Disguises
{
    /// <summary>Every MatMulNBits with a <c>g_idx</c> (GPTQ, act order), which takes the scale of another block for each input.</summary>
    public static byte[] ActOrder(byte[] model) => Rewrite(model, graph =>
    {
        foreach (var product in graph.Node.Where(n => n.OpType == "MatMulNBits"))
        {
            var codes = graph.Initializer.Single(t => t.Name == product.Input[1]);
            var (blocks, size) = ((int)codes.Dims[1], (int)product.Attribute.Single(a => a.Name == "block_size").I);
            var turn = codes.RawData[0];
            int[] order = [.. Enumerable.Range(0, blocks * size).Select(k => ((k / size) + turn) % blocks)];
            graph.Initializer.Add(
                new TensorProto
                {
                    Name = codes.Name + ".g_idx",
                    DataType = (int)ElementType.Int32,
                    Dims = { order.Length },
                    RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<int>(order)),
                });
            while (product.Input.Count < 4) product.Input.Add("");
            product.Input.Add(codes.Name + ".g_idx");
        }
    });

    /// <summary>Every MatMulNBits as a MatMulBnb4 of the same codes and scales (NF4).</summary>
    public static byte[] Bnb4(byte[] model) => Rewrite(model, graph =>
    {
        foreach (var product in graph.Node.Where(n => n.OpType == "MatMulNBits"))
        {
            foreach (var tensor in graph.Initializer.Where(t => t.Name == product.Input[1] || t.Name == product.Input[2]))
            {
                var count = tensor.Dims.Aggregate(1L, (a, b) => a * b);
                tensor.Dims.Clear();
                tensor.Dims.Add(count);
            }

            product.OpType = "MatMulBnb4";
            product.Attribute.Remove(product.Attribute.Single(a => a.Name == "bits"));
            product.Attribute.Add(new AttributeProto { Name = "quant_type", Type = AttributeProto.Types.AttributeType.Int, I = 1 });
        }
    });

    /// <summary>All of fp32 as bf16, cut off: ONNX Runtime does not run it on a CPU.</summary>
    public static byte[] BFloat16(byte[] model) => Rewrite(model, graph =>
    {
        foreach (var tensor in graph.Initializer.Concat(
            graph.Node.SelectMany(n => n.Attribute).Select(a => a.T)).Where(t => t is { DataType: (int)ElementType.Float }))
        {
            var halves = MemoryMarshal.Cast<byte, ushort>(tensor.RawData.Span);
            var upper = new ushort[halves.Length / 2];
            for (var i = 0; i < upper.Length; i++) upper[i] = halves[(2 * i) + 1];
            tensor.RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<ushort>(upper));
            tensor.DataType = (int)ElementType.BFloat16;
        }

        foreach (var cast in graph.Node.Where(n => n.OpType == "Cast")
            .SelectMany(n => n.Attribute)
            .Where(a => a.I == (long)ElementType.Float))
            cast.I = (long)ElementType.BFloat16;
        foreach (var port in graph.Input.Concat(graph.Output).Where(p => p.Type.TensorType.ElemType == (int)ElementType.Float))
            port.Type.TensorType.ElemType = (int)ElementType.BFloat16;
    });
}
