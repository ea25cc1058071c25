using OnnxMka.Bench;
using OnnxMka.Emission;
using OnnxMka.Recipes;
using OnnxMka.Running.Parts;

namespace OnnxMka.Jobs;

/// <summary>Everything that one compression depends on.</summary>
public sealed record CompressionOptions
{
    /// <summary>Model file, or a folder that holds one.</summary>
    public required string Input { get; init; }

    /// <summary>What is done to it, on which text.</summary>
    public required Recipe Recipe { get; init; }

    /// <summary>The kinds of steps that the recipe may have.</summary>
    public StepKinds Kinds { get; init; } = Recipes.Kinds.BuiltIn;

    /// <summary>Where models run, and with how much memory.</summary>
    public RunningOptions Running { get; init; } = new();

    /// <summary>What is written, and where.</summary>
    public OutputOptions Output { get; init; } = new();

    /// <summary>File that keeps what a search has found, so that it goes on where it was interrupted; null for none.</summary>
    public string? JournalFile { get; init; }

    /// <summary>
    /// Time that calibration and correction should take; where an estimate says more, a note says what to change. Null for any.
    /// </summary>
    public TimeSpan? Budget { get; init; }

    /// <summary>Perplexity of original, result and control.</summary>
    public bool Evaluate { get; init; } = true;

    /// <summary>Greedy generations of original and result for reports; needs <see cref="Evaluate"/>.</summary>
    internal int Samples { get; init; }

    /// <summary>The output is loaded and stepped before it gets its name.</summary>
    public bool Verify { get; init; } = true;

    /// <summary>The written model is read again, its graph checked, and its blocks found anew.</summary>
    public bool Check { get; init; }
}
