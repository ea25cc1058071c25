using OnnxMka.Graph;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Running.Parts;

/// <summary>How the blocks run: all in one session, or one after the other.</summary>
public enum RunMode
{
    /// <summary>The whole model in one session.</summary>
    Whole,
    /// <summary>One block at a time: slower, in the memory of a block.</summary>
    Chain,
}

/// <summary>
/// Bytes that calibration will need at its peak, from the structure of a model alone; nothing is read or loaded. Where the model runs on
/// CUDA its weights and work are on the device. Meant to lie a little above what is measured. What a correction holds comes on top.
/// </summary>
/// <param name="Whole">With the whole model in one session.</param>
/// <param name="ChainParts">With one block at a time, the stream kept on disk; null where the blocks cannot be run apart.</param>
/// <param name="Seams">The stream of all samples at one seam: what the chain holds beside that, or keeps on disk.</param>
internal sealed record MemoryEstimate(long Whole, long? ChainParts, long Seams)
{
    /// <summary>The program, the runtime and its threads before a model is loaded.</summary>
    private const long Base = 160L << 20;

    /// <summary>With one block at a time and the stream in memory.</summary>
    public long? Chain => ChainParts + Seams;

    public static MemoryEstimate Of(BlockMap map, CalibrationSet set, int batchSize, ExecutionTarget target)
    {
        var index = GraphIndex.Of(map.Model.Graph);
        long Held(TensorRef tensor) =>
            target.Name == "CPU" && IsWidened(index, tensor) ? tensor.ElementCount * sizeof(float) : tensor.ByteLength;
        var width = Width(map);
        var fixedBytes = Base + Work(map, width, batchSize, set.Length) + ((long)map.Count * set.Count * width * sizeof(float));
        var seams = set.TokenCount * width * SeamElement(map);
        try
        {
            var parts = Enumerable.Range(0, map.Count)
                .Select(b => BlockPart.Of(map.Model, map, b))
                .Prepend(BlockPart.Prelude(map.Model, map))
                .Select(p => p.Weights.ToArray())
                .ToArray();
            var whole = parts.SelectMany(p => p).DistinctBy(t => t.Name, StringComparer.Ordinal).Sum(Held);
            return new MemoryEstimate(fixedBytes + whole, fixedBytes + parts.Max(p => p.Sum(Held)), seams);
        }
        catch (RefusedException e) when (e.Refusal.Code == PartBounds.Code)
        {
            return new MemoryEstimate(fixedBytes + map.Model.Graph.Initializers.Values.Sum(Held), null, seams);
        }
    }

    /// <summary>The whole model where it fits, since it is faster; otherwise the chain, whether that fits or not.</summary>
    public RunMode Choose(long memory) => Whole <= memory || ChainParts is null ? RunMode.Whole : RunMode.Chain;

    /// <summary>Bytes of seams that a chain can hold within that memory: <see cref="ChainOptions.SeamMemory"/>.</summary>
    public long SeamMemory(long memory) => Math.Clamp(memory - (ChainParts ?? Whole), 0, Seams);

    /// <summary>The CPU has no 16-bit products: such weights are held as fp32. A table that is only looked up stays as it is.</summary>
    private static bool IsWidened(GraphIndex index, TensorRef tensor) =>
        tensor.Type is ElementType.Float16 or ElementType.BFloat16
            && tensor.Shape.Length > 1
            && index.Readers(tensor.Name).Any(r => r.Node.OpType != "Gather");

    /// <summary>
    /// Values of one batch that live at once. Per token: twice what the projections of a block read and write, and three scores
    /// for each head (taken as 64 wide) and position.
    /// </summary>
    private static long Work(BlockMap map, long width, int batchSize, int length)
    {
        var projections = map.Blocks.Max(b => b.Parameters.Select(p => p.Initializer).Distinct(StringComparer.Ordinal).Select(map.Tensor)
            .Where(t => t.Shape.Length > 1)
            .Sum(t => t.Shape.OrderDescending().Take(2).Sum()));
        return sizeof(float) * (long)batchSize * length * ((2 * projections) + (3 * length * Math.Max(1, width / 64)));
    }

    /// <summary>Width of the stream: the size that most parameters of a block have on one side.</summary>
    private static long Width(BlockMap map) => map.Blocks[0].Parameters
        .Select(p => map.Tensor(p.Initializer))
        .SelectMany(t => t.Type.IsMergeable() ? t.Shape.Distinct() : t.Shape.Take(1))
        .GroupBy(d => d)
        .OrderByDescending(g => g.Count())
        .ThenByDescending(g => g.Key)
        .Select(g => g.Key)
        .FirstOrDefault(1);

    private static int SeamElement(BlockMap map) => map.Blocks[0].Parameters
        .Select(p => map.Tensor(p.Initializer))
        .Where(t => t.Type.IsMergeable())
        .GroupBy(t => t.Type.Bits() / 8)
        .OrderByDescending(g => g.Sum(t => t.ElementCount))
        .Select(g => g.Key)
        .FirstOrDefault(sizeof(float));
}
