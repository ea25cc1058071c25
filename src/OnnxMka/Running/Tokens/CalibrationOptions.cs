using System.Text.Json.Serialization;
using OnnxMka.Outcomes;

namespace OnnxMka.Running.Tokens;

/// <summary>The text that a model is run on, and how much of it.</summary>
public sealed record CalibrationOptions
{
    /// <summary>Sequences where nothing asks for more.</summary>
    internal const int Usual = 256;

    /// <summary>Calibration text; null for the built-in prose.</summary>
    [JsonPropertyName("text")]
    public string? TextFile { get; init; }

    /// <summary>Token ids as JSON lines, for models without a tokenizer.</summary>
    [JsonPropertyName("ids")]
    public string? IdsFile { get; init; }

    /// <summary>
    /// Calibration sequences, N; at least 32. Null for 256, or for more where the widest weight that is refitted wants more rows and time
    /// allows.
    /// </summary>
    [Bounds(CalibrationSet.MinSamples)]
    public int? Samples { get; init; }

    /// <summary>Tokens of a sequence, T.</summary>
    [Bounds(2)]
    public int Length { get; init; } = 128;

    /// <summary>Windows of held-back text, on which losses are reported.</summary>
    [Bounds(1)]
    [JsonPropertyName("held-back")]
    public int HeldBackSamples { get; init; } = 128;

    /// <summary>Chooses among the windows of the text.</summary>
    public int Seed { get; init; }
}
