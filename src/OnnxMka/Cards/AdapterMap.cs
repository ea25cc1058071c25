using System.Text.Json;
using OnnxMka.Bench;
using OnnxMka.Json;
using OnnxMka.Planning;
using OnnxMka.Reporting;

namespace OnnxMka.Cards;

/// <summary>
/// Where each layer of the original went, as JSON (<c>--adapter-map FILE.json</c>). A low-rank update of old layers becomes that of new
/// layer n as the sum over <c>from</c>: weight times the old layer's update, as the weights themselves were summed. Layers of
/// <c>corrected</c> were changed after that; an update is added to what they are now.
/// </summary>
internal static class AdapterMap
{
    public const int Version = 1;

    /// <param name="origin">From the first original on, where the input was itself made of one; else null.</param>
    public static string Write(Lineage lineage, Lineage? origin = null)
    {
        var plan = lineage.Plan;
        var into = plan.Groups.SelectMany(
            (g, n) => g.Weights.Where(w => w.Value != 0).Select(w => (Old: w.Key, New: n, Weight: w.Value))).ToLookup(w => w.Old);
        var place = plan.Groups.Select((g, n) => (g.Block, n)).ToDictionary(g => g.Block, g => (int?)g.n);
        var map = new
        {
            version = Version,
            tool = new { name = "onnx-mka", version = ReportJson.ToolVersion },
            plan.Fingerprint,
            layersBefore = plan.BlockCount,
            layersAfter = plan.Groups.Length,
            corrected = lineage.Changed.Select(c => new { @new = c.Place, by = c.By }),
            oldToNew = Enumerable.Range(0, plan.BlockCount).Select(old => new
            {
                old,
                @new = place.GetValueOrDefault(old),
                into = into[old].Select(w => new { @new = w.New, weight = w.Weight }),
            }),
            newToOld = plan.Groups.Select((g, n) => new
            {
                @new = n,
                kept = g.Block,
                from = g.Weights.Where(w => w.Value != 0).Select(w => new { old = w.Key, weight = w.Value }),
            }),
            firstOriginal = origin is null ? null : new
            {
                layers = origin.Plan.BlockCount,
                newToFirst = origin.Plan.Groups.Select((g, n) => new
                {
                    @new = n,
                    kept = g.Block,
                    from = g.Weights.Where(w => w.Value != 0).Select(w => new { first = w.Key, weight = w.Value }),
                }),
                corrected = origin.Changed.Select(c => new { @new = c.Place, by = c.By }),
            },
        };
        return JsonSerializer.Serialize(map, JsonForm.Indented) + "\n";
    }
}
