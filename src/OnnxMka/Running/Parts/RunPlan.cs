using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Running.Parts;

/// <summary>Whether a model runs whole or one block at a time, and with how much memory for the stream between blocks.</summary>
/// <param name="WholeFits">True where the whole model fits the memory, whatever was forced.</param>
/// <param name="Why">The numbers that decided, for people.</param>
internal sealed record RunPlan(RunMode Mode, ChainOptions Chain, bool WholeFits, string Why)
{
    /// <summary>What is forced, else the whole model where its estimate fits the memory, else the chain.</summary>
    public static RunPlan For(BlockMap map, CalibrationSet set, RunningOptions options)
    {
        var host = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        var memory = options.Memory ?? (options.Target.DeviceMemory ?? host) / 5 * 4;
        var estimate = MemoryEstimate.Of(map, set, options.BatchSize, options.Target);
        var (parts, batch) = (estimate, options.BatchSize);
        // What a batch needs grows with it: where one block at a time is too much, fewer samples run at once.
        while (parts.ChainParts > memory && batch > 1) parts = MemoryEstimate.Of(map, set, batch = Math.Max(batch / 2, 1), options.Target);
        var chain = new ChainOptions { BatchSize = batch, SeamMemory = parts.SeamMemory(options.Memory ?? host / 5 * 4) }; // the stream is held by the host
        var why = $"the whole model takes about {estimate.Whole >> 20:N0} MB and {memory >> 20:N0} MB may be used";
        var fits = estimate.Choose(memory) == RunMode.Whole;
        return new RunPlan(options.Mode ?? estimate.Choose(memory), chain, fits, options.Mode is null ? why : "as --run says");
    }
}
