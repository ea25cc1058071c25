using System.Globalization;
using System.Text;
using OnnxMka.Graph;
using OnnxMka.Planning;

namespace OnnxMka.Cards;

/// <summary>
/// The same merge as a mergekit configuration (<c>--mergekit FILE.yml</c>), for the checkpoint that the ONNX model was exported from: to
/// heal it by training, say. A plan that mixes nothing becomes <c>passthrough</c>, any other <c>linear</c>.
/// </summary>
internal static class MergekitYaml
{
    private const string Checkpoint = "./checkpoint";

    /// <param name="storedAs">Type of the weights; sums are formed in float32 and stored in this. Null leaves the checkpoint's own.</param>
    public static string Write(MergePlan plan, ElementType? storedAs)
    {
        var copies = plan.Groups.Max(g => Sources(g).Length);
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture,
            $"# {plan.BlockCount} layers to {plan.Groups.Length}. Put the checkpoint at {Checkpoint}, then: "
                + $"mergekit-yaml THIS_FILE OUTPUT_FOLDER\n");
        if (copies > 1)
        {
            var links = string.Join(" && ", Enumerable.Range(2, copies - 1).Select(i => $"ln -s checkpoint checkpoint-{i}"));
            text.Append(
                CultureInfo.InvariantCulture,
                $"# mergekit takes one layer of each model for a sum, so the same checkpoint stands under several names:\n# {links}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"merge_method: {(copies > 1 ? "linear" : "passthrough")}\n");
        if (storedAs is { } type) text.Append(CultureInfo.InvariantCulture, $"dtype: float32\nout_dtype: {TypeName(type)}\n");
        text.Append("slices:\n");
        foreach (var slice in Slices(plan)) Append(text, slice, withWeights: copies > 1);
        return text.ToString();
    }

    private static void Append(StringBuilder text, (int First, int End, (int Block, double Weight)[] Sources) slice, bool withWeights)
    {
        text.Append("  - sources:\n");
        for (var i = 0; i < slice.Sources.Length; i++)
        {
            var (block, weight) = slice.Sources[i];
            var end = block == slice.First ? slice.End : block + 1;
            text.Append(
                CultureInfo.InvariantCulture,
                $"      - model: {Checkpoint}{(i == 0 ? "" : $"-{i + 1}")}\n        layer_range: [{block}, {end}]\n");
            if (withWeights) text.Append(CultureInfo.InvariantCulture, $"        parameters:\n          weight: {weight:R}\n");
        }
    }

    /// <summary>Merged blocks one by one; runs of unmixed neighbours together. Ends are exclusive.</summary>
    private static IEnumerable<(int First, int End, (int Block, double Weight)[] Sources)> Slices(MergePlan plan)
    {
        for (var i = 0; i < plan.Groups.Length; i++)
        {
            var sources = Sources(plan.Groups[i]);
            var first = sources[0].Block;
            var end = first + 1;
            if (sources.Length == 1)
            {
                while (i + 1 < plan.Groups.Length && Sources(plan.Groups[i + 1]) is [var next] && next.Block == end)
                {
                    end++;
                    i++;
                }
            }

            yield return (first, end, sources);
        }
    }

    private static (int Block, double Weight)[] Sources(MergeGroup group) =>
        [.. group.Weights.Where(w => w.Value != 0).Select(w => (w.Key, w.Value))];

    private static string TypeName(ElementType type) => type switch
    {
        ElementType.Float16 => "float16",
        ElementType.BFloat16 => "bfloat16",
        _ => "float32",
    };
}
