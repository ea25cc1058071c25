using System.CommandLine;
using OnnxMka.Bench;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Jobs;
using OnnxMka.Planning;
using OnnxMka.Recipes;
using OnnxMka.Steps.Comparing;
using OnnxMka.Steps.Correcting;
using OnnxMka.Steps.Merging;
using OnnxMka.Steps.Reaching;
using OnnxMka.Steps.Searching;
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
    /// <param name="weights">
    /// The option among <paramref name="shares"/> of a file that makes the whole model; null where it was not given.
    /// </param>
    public static void Check(Recipe recipe, IReadOnlyList<Option> shares, Option? numbers, Option? weights)
    {
        string[] given = [.. shares.Append(numbers).OfType<Option>().Select(o => o.Name)];
        if (given.Length > 0 && recipe.Granularity == Granularity.Sublayer)
        {
            throw new UsageException(
                $"{Named(given)} of whole layers, and there is no word for halves: leave that out with --granularity sublayer.");
        }

        if (weights is not null && Correction(recipe) is { } correction)
        {
            throw new UsageException(
                $"{Named([weights.Name])} of sums of the original's layers, and there is no word for {correction}: "
                    + "leave the one or the other out.");
        }

        if (numbers is not null && Mixed(recipe) is { } mixed)
        {
            throw new UsageException(
                $"{numbers.Name} speaks of layers that go, and there is no word for {mixed}: leave the one or the other out.");
        }

        if (shares.Count > 0 && Unsaid(recipe) is { } unsaid)
        {
            var names = Named([.. shares.Select(o => o.Name)]);
            throw new UsageException($"{names} of one share a layer, and there is no word for {unsaid}: leave the one or the other out.");
        }
    }

    /// <summary>
    /// What changes weights beyond sums of the original's; null for nothing. The best way is known only when it is found.
    /// </summary>
    private static string? Correction(Recipe recipe)
    {
        Step[] steps = [.. All(recipe.Steps)];
        if (steps.Any(s => s is CorrectionStep or Correct)) return "corrected weights (leave them with --compensate none)";
        return steps.Any(s => s is Best) ? "corrected weights, which --method best may choose" : null;
    }

    /// <summary>What a list of removed layers cannot say: the model would be another one. Null for nothing.</summary>
    private static string? Mixed(Recipe recipe) =>
        All(recipe.Steps).Any(s => s is Merge) ? "merged weights (--method mka)" : Correction(recipe);

    /// <summary>
    /// The same where an earlier run made the input: these files are for the checkpoint of the first original. Reads the model's structure
    /// where one is asked for.
    /// </summary>
    public static void CheckOrigin(CompressionOptions options, Option? numbers, Option? weights)
    {
        if (numbers is null && weights is null) return;
        var map = options.Recipe.Blocks(OnnxModel.Load(ModelLocation.Find(options.Input).ModelPath));
        var before = LineageJson.Of(map, "", _ => { });
        var changed = before.Changed.Select(c => c.By).Distinct().ToArray();
        if (changed.Length > 0) throw Unsayable((numbers ?? weights)!, $"weights that were changed there ({string.Join(", ", changed)})");
        if (numbers is not null && before.Plan.Groups.Any(g => g.IsMerge)) throw Unsayable(numbers, "weights that were merged there");
    }

    private static RefusedException Unsayable(Option option, string what) => new(
        "MKA067",
        option.Name,
        $"the input was made by an earlier run, and a file for the first original's checkpoint has no word for {what}",
        $"Leave {option.Name} out");

    private static string? Unsaid(Recipe recipe)
    {
        Merge[] merges = [.. All(recipe.Steps).OfType<Merge>()];
        if (merges.Any(m => m.FitAlpha || m.Plan?.Groups.Any(g => !g.Fitted.IsDefaultOrEmpty) == true))
            return "shares fitted a weight (--alpha fit)";
        if (merges.Any(m => m.Align != AlignUnits.None || m.Plan is { Permutations.IsDefaultOrEmpty: false }))
            return "units in another order (--align)";
        return merges.Any(m => m.Only != MergedHalf.Both || m.Plan is { Only: not MergedHalf.Both }) ? "halves (--only)" : null;
    }

    private static IEnumerable<Step> All(IEnumerable<Step> steps) => steps.SelectMany(s => s is Reach reach ? All(reach.Steps) : [s]);

    private static string Named(string[] options) => $"{string.Join(" and ", options)} {(options.Length == 1 ? "speaks" : "speak")}";
}
