using System.Collections.Immutable;
using OnnxMka.Outcomes;

namespace OnnxMka.Bench;

/// <summary>Decided steps that were tried on a state, or that a journal knows of.</summary>
/// <param name="Steps">In order.</param>
/// <param name="Loss">Of the model that they give, in nats a token.</param>
/// <param name="Seconds">That it took to find.</param>
public sealed record Trial(ImmutableArray<Step> Steps, Loss Loss, double Seconds)
{
    /// <summary>What they came to; null where a journal told the loss, and nothing was run.</summary>
    internal Course? Course { get; init; }
}
