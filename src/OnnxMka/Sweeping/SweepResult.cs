using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Scoring;
using OnnxMka.Structure;

namespace OnnxMka.Sweeping;

/// <summary>One way that was tried.</summary>
public sealed record SweepPoint
{
    internal SweepPoint(
        SweepMethod way,
        double ratio,
        MergePlan plan,
        ImmutableArray<Step> steps,
        long bytes,
        Perplexity perplexity,
        double? increase,
        double speedup,
        bool onSizeFront,
        bool onSpeedFront)
    {
        (Way, Ratio, Plan, Steps, Bytes) = (way, ratio, plan, steps, bytes);
        (Perplexity, Increase, Speedup, OnSizeFront, OnSpeedFront) = (perplexity, increase, speedup, onSizeFront, onSpeedFront);
    }

    /// <summary>How blocks were removed, and what came behind it.</summary>
    public SweepMethod Way { get; internal init; }

    /// <summary>Share of the blocks that was asked for.</summary>
    public double Ratio { get; internal init; }

    internal MergePlan Plan { get; init; }

    /// <summary>Decided: what gives this model again.</summary>
    public ImmutableArray<Step> Steps { get; internal init; }

    /// <summary>Model and data files that it would write.</summary>
    public long Bytes { get; internal init; }

    /// <summary>On held-back text.</summary>
    public Perplexity Perplexity { get; internal init; }

    /// <summary>Of the perplexity, as a share; null where that is no finite number.</summary>
    public double? Increase { get; internal init; }

    /// <summary>
    /// Over the original, in paired runs: of decoding where the model has a cache, else of prefill. Measured once for all plans of a size
    /// whose models have the same nodes and shapes.
    /// </summary>
    public double Speedup { get; internal init; }

    /// <summary>No other is as small and as good, and better in one of them.</summary>
    public bool OnSizeFront { get; internal init; }

    /// <summary>The same for speed.</summary>
    public bool OnSpeedFront { get; internal init; }

    /// <summary>Blocks that went.</summary>
    public int Removed => Plan.BlockCount - Plan.Groups.Length;
}

/// <summary>What a sweep found.</summary>
public sealed record SweepResult
{
    internal SweepResult(
        BlockMap blocks,
        Analysis analysis,
        ImmutableArray<SweepPoint> points,
        Perplexity original,
        ModelSpeed? originalSpeed,
        long originalBytes,
        string text,
        string textSha256,
        int windows,
        int windowLength,
        SweepPoint? picked,
        ImmutableArray<StageTime> timings)
    {
        (Blocks, Analysis, Points, Original, OriginalSpeed) = (blocks, analysis, points, original, originalSpeed);
        (OriginalBytes, Text, TextSha256, Windows) = (originalBytes, text, textSha256, windows);
        (WindowLength, Picked, Timings) = (windowLength, picked, timings);
    }

    /// <summary>Of the input.</summary>
    public BlockMap Blocks { get; internal init; }

    internal Analysis Analysis { get; init; }

    /// <summary>In the order of the methods, and of the ratios within each.</summary>
    public ImmutableArray<SweepPoint> Points { get; internal init; }

    /// <summary>Of the input, on the same text.</summary>
    public Perplexity Original { get; internal init; }

    /// <summary>Of the original alone; null where nothing could be timed.</summary>
    internal ModelSpeed? OriginalSpeed { get; init; }

    /// <summary>Model and data files of the input.</summary>
    public long OriginalBytes { get; internal init; }

    /// <summary>Name of the held-back text.</summary>
    public string Text { get; internal init; }

    /// <summary>Of its bytes, lower-case hex.</summary>
    public string TextSha256 { get; internal init; }

    /// <summary>How many were measured on.</summary>
    public int Windows { get; internal init; }

    /// <summary>Tokens of each.</summary>
    public int WindowLength { get; internal init; }

    /// <summary>The smallest model within the limit; null where none is, or none was asked for.</summary>
    public SweepPoint? Picked { get; internal init; }

    internal ImmutableArray<StageTime> Timings { get; init; }
}
