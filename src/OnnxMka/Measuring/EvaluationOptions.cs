using System.Collections.Immutable;
using OnnxMka.Inputs;
using OnnxMka.Running.Sessions;

namespace OnnxMka.Measuring;

/// <summary>Whether a BOS token stands before every window.</summary>
internal enum BosUse
{
    /// <summary>As the tokenizer's own rules say.</summary>
    Auto,

    /// <summary>The one that configuration names (<see cref="ModelConfig"/>).</summary>
    On,

    Off,
}

/// <summary>Part <paramref name="Index"/> (from 0) of <paramref name="Count"/>: every Count-th item.</summary>
internal sealed record Shard(int Index, int Count)
{
    public static Shard Whole { get; } = new(0, 1);
}

/// <summary>Everything that one evaluation depends on.</summary>
internal sealed record EvaluationOptions
{
    /// <summary>Model file or folder.</summary>
    public required string Model { get; init; }

    /// <summary>The model that it was made from; null for none.</summary>
    public string? Against { get; init; }

    /// <summary>Text file or folder; where no task is named at all, the built-in held-back prose.</summary>
    public string? Text { get; init; }

    /// <summary>Token ids as JSON lines, a text each, for models without a tokenizer.</summary>
    public string? TextIds { get; init; }

    public string? MmluFolder { get; init; }

    /// <summary>Worked examples before an MMLU question, 0 to 5; fewer where the model has no room.</summary>
    public int Shots { get; init; } = 5;

    public MmluRanking MmluRanking { get; init; } = MmluRanking.Letter;

    /// <summary>JSON lines files with question, choices, answer.</summary>
    public ImmutableArray<string> ChoiceFiles { get; init; } = [];

    /// <summary>JSON lines file with texts whose last word is asked for.</summary>
    public string? LastWordFile { get; init; }

    /// <summary>Generated questions about facts, of each set (<see cref="OnnxMka.Measuring.Facts"/>); 0 for none.</summary>
    public int Facts { get; init; }

    /// <summary>Most items a task, chosen by the seed; null for all.</summary>
    public int? Limit { get; init; }

    /// <summary>Chooses items, prompts and bootstrap draws.</summary>
    public int Seed { get; init; }

    public Shard Shard { get; init; } = Shard.Whole;

    /// <summary>Items are kept here as they are scored; an existing file of the same run is continued.</summary>
    public string? ResultsPath { get; init; }

    /// <summary>Tokens that the model reads at once; null for its context, at most 1024.</summary>
    public int? Window { get; init; }

    /// <summary>Tokens from one window to the next; null for windows that share nothing but one token where there is no BOS.</summary>
    public int? Stride { get; init; }

    public BosUse Bos { get; init; } = BosUse.Auto;

    /// <summary>Greedy generations compared with the original.</summary>
    public int Generations { get; init; } = 8;

    /// <summary>Tokens of each generation.</summary>
    public int GeneratedTokens { get; init; } = 48;

    /// <summary>Prefill and decode speed, of the model and the original in turns.</summary>
    public bool Speed { get; init; } = true;

    public ExecutionTarget Target { get; init; } = ExecutionTarget.Cpu;
}
