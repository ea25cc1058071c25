using System.Buffers;
using System.Collections.Immutable;
using System.Numerics.Tensors;
using OnnxMka.Graph;
using OnnxMka.Outcomes;
using OnnxMka.Rewriting;
using OnnxMka.Structure;

namespace OnnxMka.Verification;

/// <summary>How far one merged tensor of the output lies from the one it replaced.</summary>
/// <param name="Delta"><c>||theta - theta_left|| / ||theta_left||</c>, Frobenius norms; 0 means that nothing was merged.</param>
internal sealed record TensorDelta(int Block, string Role, string Name, double Delta);

/// <summary>Proof that a merge happened (algorithm section 2.6), read from the files as written.</summary>
internal static class MergeProof
{
    private const int ChunkElements = 1 << 17;

    /// <summary>
    /// One delta a merged tensor; none for a tensor that no output of the original depends on, which goes with the node that reads it.
    /// Throws where any other is not in the output. Progress counts tensors.
    /// </summary>
    public static ImmutableArray<TensorDelta> Measure(
        BlockMap original, RewrittenModel rewritten, OnnxModel emitted, IProgress<int>? progress = null)
    {
        using var reader = new TensorReader();
        var merged = rewritten.Merged.Where(p => emitted.Graph.Initializers.ContainsKey(p.Name) || !IsDead(original, p)).ToArray();
        var deltas = new TensorDelta[merged.Length];
        Parallel.For(0, deltas.Length, i =>
        {
            var parameter = merged[i];
            var delta = Delta(emitted.Graph.Initializers[parameter.Name], original.Tensor(parameter.Kept), reader);
            deltas[i] = new TensorDelta(parameter.Block, parameter.Role, parameter.Name, delta);
            progress?.Report(1);
        });
        return [.. deltas];
    }

    /// <summary>Blocks that the plan calls merged and whose tensors are all as they were: a drop in disguise, and an error.</summary>
    public static IEnumerable<int> Unmerged(IEnumerable<TensorDelta> deltas) =>
        deltas.GroupBy(d => d.Block).Where(g => g.All(d => d.Delta == 0)).Select(g => g.Key);

    private static bool IsDead(BlockMap original, MergedParameter parameter) => !Used(original.Model.Graph).Contains(parameter.Kept)
        ? true
        : throw new VerificationException($"The merged weight {parameter.Name} is not in the output. It was removed.");

    /// <summary>All that outputs depend on.</summary>
    private static HashSet<string> Used(OnnxGraph graph)
    {
        var index = GraphIndex.Of(graph);
        var pending = new Stack<string>(graph.Outputs.Select(o => o.Name));
        var used = new HashSet<string>(pending, StringComparer.Ordinal);
        while (pending.TryPop(out var value))
        {
            if (index.Producer(value) is not { } producer) continue;
            foreach (var read in producer.Inputs.Concat(producer.Captures).Where(used.Add)) pending.Push(read);
        }

        return used;
    }

    private static double Delta(TensorRef merged, TensorRef kept, TensorReader reader)
    {
        var size = kept.Type.Bits() / 8;
        var bytes = ArrayPool<byte>.Shared.Rent(ChunkElements * size);
        var (a, b) = (new double[ChunkElements], new double[ChunkElements]);
        double difference = 0, norm = 0;
        for (long start = 0; start < kept.ElementCount; start += ChunkElements)
        {
            var count = (int)Math.Min(ChunkElements, kept.ElementCount - start);
            Read(merged, start * size, count, bytes, a, reader);
            Read(kept, start * size, count, bytes, b, reader);
            norm += TensorPrimitives.SumOfSquares(b.AsSpan(0, count));
            TensorPrimitives.Subtract(a.AsSpan(0, count), b.AsSpan(0, count), a.AsSpan(0, count));
            difference += TensorPrimitives.SumOfSquares(a.AsSpan(0, count));
        }

        ArrayPool<byte>.Shared.Return(bytes);
        return norm > 0 ? Math.Sqrt(difference / norm) : Math.Sqrt(difference);
    }

    private static void Read(TensorRef tensor, long offset, int count, byte[] bytes, double[] values, TensorReader reader)
    {
        var span = bytes.AsSpan(0, count * tensor.Type.Bits() / 8);
        reader.Read(tensor, offset, span);
        FloatCodec.Decode(tensor.Type, span, values.AsSpan(0, count));
    }
}
