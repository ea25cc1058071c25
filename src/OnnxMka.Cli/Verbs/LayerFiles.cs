using System.CommandLine;
using OnnxMka.Compensation;
using OnnxMka.Jobs;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Cli.Verbs;

/// <summary>
/// Files that tell the result to tools of other formats. These know whole layers alone, and of merged ones a share for the layer with its
/// units where they were: what they have no word for is refused before any work is done.
/// </summary>
internal static class LayerFiles
{
    /// <param name="shares">Options of files with shares that were given.</param>
    /// <param name="numbers">The option of a file with numbers of layers; null where it was not given.</param>
    /// <param name="weights">The option among <paramref name="shares"/> of a file that makes the whole model; null where it was not given.</param>
    public static void Check(CompressionOptions options, IReadOnlyList<Option> shares, Option? numbers, Option? weights)
    {
        var plan = options.ReadyPlan;
        string[] given = [.. shares.Append(numbers).OfType<Option>().Select(o => o.Name)];
        if (given.Length > 0 && (options.Granularity == Granularity.Sublayer || plan is { Units: not null }))
        {
            throw new UsageException(
                $"{Named(given)} of whole layers, and there is no word for halves: leave that out with --granularity sublayer.");
        }

        if (weights is not null && Correction(options) is { } correction)
            throw new UsageException($"{Named([weights.Name])} of sums of the original's layers, and there is no word for {correction}: leave the one or the other out.");

        if (shares.Count > 0 && Unsaid(options.Plan, plan) is { } unsaid)
        {
            var names = Named([.. shares.Select(o => o.Name)]);
            throw new UsageException($"{names} of one share a layer, and there is no word for {unsaid}: leave the one or the other out.");
        }
    }

    /// <summary>What changes weights beyond sums of the original's; null for nothing. The best way is known only when it is found.</summary>
    private static string? Correction(CompressionOptions options)
    {
        if (options.Compensate.Kind != CompensationKind.None) return "corrected weights (--compensate)";
        return options.Plan.Method == Method.Best && options.ReadyPlan is null ? "corrected weights, which --method best may choose" : null;
    }

    private static string? Unsaid(PlanOptions options, MergePlan? plan)
    {
        if (options.FitAlpha || plan?.Groups.Any(g => !g.Fitted.IsDefaultOrEmpty) == true) return "shares fitted a weight (--alpha fit)";
        if (options.Align != AlignUnits.None || plan is { Permutations.IsDefaultOrEmpty: false }) return "units in another order (--align)";
        return options.Only != MergedHalf.Both || plan is { Only: not MergedHalf.Both } ? "halves (--only)" : null;
    }

    private static string Named(string[] options) => $"{string.Join(" and ", options)} {(options.Length == 1 ? "speaks" : "speak")}";
}
