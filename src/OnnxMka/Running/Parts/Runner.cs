using OnnxMka.Alignment;
using OnnxMka.Outcomes;
using OnnxMka.Running.Activations;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Running.Parts;

/// <summary>
/// The one way to run a model and what is made of it: whole, or one block at a time where memory is short. Memory is asked once, for the
/// largest set of a job; smaller sets and models with fewer blocks then run the same way.
/// </summary>
internal sealed record Runner
{
    private Runner(RunningOptions options) => Options = options;

    /// <summary>Where it runs, and with how much at once.</summary>
    public RunningOptions Options { get; private init; }

    /// <summary>What is forced, else the whole model where its estimate fits the memory, else one block at a time.</summary>
    public RunMode Mode { get; private init; }

    /// <summary>True where the whole model fits the memory, whatever was forced.</summary>
    public bool WholeFits { get; private init; }

    /// <summary>The numbers that decided, for people.</summary>
    public string Why { get; private init; } = "";

    /// <summary>Samples that run at once and memory for the stream between blocks, where they run one at a time.</summary>
    public ChainOptions ChainOptions { get; internal init; } = new();

    /// <summary>Asks once, from the structure of the model alone: nothing is read or loaded.</summary>
    /// <param name="map">The input; what is made of it needs no more memory.</param>
    /// <param name="largest">The set with the most tokens of those that will be run.</param>
    public static Runner For(BlockMap map, CalibrationSet largest, RunningOptions options)
    {
        var host = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        var memory = options.Memory ?? (options.Target.DeviceMemory ?? host) / 5 * 4;
        var estimate = MemoryEstimate.Of(map, largest, options.BatchSize, options.Target);
        var (parts, batch) = (estimate, options.BatchSize);
        // What a batch needs grows with it: where one block at a time is too much, fewer samples run at once.
        while (parts.ChainParts > memory && batch > 1)
            parts = MemoryEstimate.Of(map, largest, batch = Math.Max(batch / 2, 1), options.Target);
        var why = $"the whole model takes about {estimate.Whole >> 20:N0} MB and {memory >> 20:N0} MB may be used";
        return new Runner(options)
        {
            Mode = options.Mode ?? estimate.Choose(memory),
            WholeFits = estimate.Choose(memory) == RunMode.Whole,
            Why = options.Mode is null ? why : "as --run says",
            // The stream is held by the host.
            ChainOptions = new ChainOptions { BatchSize = batch, SeamMemory = parts.SeamMemory(options.Memory ?? host / 5 * 4) },
        };
    }

    /// <summary>Runs whole models, and does not ask whether they fit.</summary>
    public static Runner Whole(RunningOptions options) => new(options)
    {
        Mode = RunMode.Whole,
        WholeFits = true,
        ChainOptions = new ChainOptions { BatchSize = options.BatchSize },
    };

    /// <summary>A model's blocks to run one at a time, whatever the mode. Refuses as <see cref="BlockChain.Of"/> does.</summary>
    public BlockChain Chain(BlockMap map) => BlockChain.Of(map, Options.Target, ChainOptions);

    /// <summary>
    /// Pooled activations, one <c>[samples, width]</c> matrix a seam. Refuses ids beyond the vocabulary; activations that are not finite,
    /// with block, sample and count; streams of another shape; and, one block at a time, blocks that need more of each other than the
    /// stream (MKA024). A note says where blocks run one at a time.
    /// </summary>
    public SampleMatrix[] Pooled(
        BlockMap map, CalibrationSet set, Pooling pooling, IProgressSink progress, CancellationToken ct = default) =>
        PooledSeams.Of(this, map, set, pooling, progress, ct);

    /// <summary>The same; where models are isolated, its sessions try these first.</summary>
    internal Runner Trying(IReadOnlyCollection<string> models, CancellationToken ct) => this with { Options = Options.Trying(models, ct) };
}
