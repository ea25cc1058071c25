using System.Collections.Immutable;
using OnnxMka.Outcomes;

namespace OnnxMka.Bench;

/// <summary>Decided steps that were tried on a state, or that a journal knows of.</summary>
/// <param name="Loss">Of the model that they give.</param>
/// <param name="Seconds">That it took to find.</param>
/// <param name="Course">What they came to; null where a journal told the loss, and nothing was run.</param>
public sealed record Trial(ImmutableArray<Step> Steps, Loss Loss, double Seconds, Course? Course);
