using System.Collections.Immutable;
using System.Globalization;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Planning;

namespace OnnxMka.Steps.Correcting;

/// <summary>What a pass did to each unit, for people: changes that were made whatever they did to the error, and fits.</summary>
internal static class FitTable
{
    /// <param name="done">Heading of what was done.</param>
    public static ImmutableArray<SectionPart> Of(ImmutableArray<CompensationStep> steps, MergePlan plan, string done) =>
    [
        new SectionTable(["unit", done, "error before", "after", ""], [.. steps.Select(s => Row(s, plan))]),
        new SectionLine("errors: distance from the original stream behind that unit, relative, on held-out calibration tokens"),
    ];

    private static ImmutableArray<string> Row(CompensationStep step, MergePlan plan) =>
        [plan.NameOf(step.Block), step.Place, Number(step.ErrorBefore), Number(step.ErrorAfter), Outcome(step)];

    /// <summary>An error.</summary>
    public static string Number(double? value) => value?.ToString("0.0000", CultureInfo.CurrentCulture) ?? "-";

    /// <summary>What became of a step.</summary>
    public static string Outcome(CompensationStep step) => step.Kept ? "kept" : $"left out: {step.Note}";
}
