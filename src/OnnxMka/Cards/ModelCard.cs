using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using OnnxMka.Bench;
using OnnxMka.Inputs;
using OnnxMka.Jobs;
using OnnxMka.Measuring;
using OnnxMka.Planning;
using OnnxMka.Reporting;

namespace OnnxMka.Cards;

/// <summary>
/// The <c>README.md</c> of the output (<c>--model-card</c>): what it was made from and how, and what that cost, with the plain drop
/// beside it.
/// </summary>
internal static partial class ModelCard
{
    public static string Write(CompressionResult result, CompressionOptions options)
    {
        var input = ModelLocation.Find(options.Input);
        var origin = Origin.Of(input.Root);
        var plan = result.Plan;
        var text = new StringBuilder();
        FrontMatter(text, plan, origin);
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(input.Root));
        var verb = plan.Method == Method.Mka ? "merged" : "dropped";
        var layers = plan.Units is null ? "layers" : "halves of layers";
        Line(text, $"# {name}, {plan.Groups.Length} of {plan.BlockCount} {layers}");
        Line(text, "");
        Line(
            text,
            plan.Removed.Any() || result.Lineage.Changes.IsEmpty
                ? $"An ONNX decoder made shallower: {plan.BlockCount - plan.Groups.Length} of the {plan.BlockCount} {layers} of "
                    + $"{origin.BaseModel ?? $"`{name}`"} were {verb}, without training, by onnx-mka {ReportJson.ToolVersion}."
                : $"An ONNX decoder made narrower: {result.Lineage.Changes.Select(c => c.Unit).Distinct().Count()} of the "
                    + $"{plan.BlockCount} {layers} of {origin.BaseModel ?? $"`{name}`"} were cut, without training, by onnx-mka "
                    + $"{ReportJson.ToolVersion}.");
        Plan(text, result.Lineage);
        if (result.HasEarlierRun) Earlier(text, result.Origin);
        Cost(text, result);
        Section(text, "How it was made");
        Line(text, $"```\n{options.Output.CommandLine ?? "onnx-mka (called as a library)"}\n```");
        Line(text, "");
        if (result.Analysis is { } analysis)
        {
            Line(
                text,
                $"Calibration: {analysis.Samples} windows of {analysis.SampleLength} tokens, {analysis.CalibrationSource}, SHA-256 "
                    + $"`{analysis.CalibrationSha256}`, seed {options.Recipe.Calibration.Seed}.");
        }

        Line(text, $"Fingerprint of the original: `{plan.Fingerprint}`.");
        Section(text, "Licence");
        Line(
            text,
            "This is a derivative of the original model, and the original's "
                + $"licence{(origin.License is null ? "" : $" (`{origin.License}`)")} applies to it. "
                + "Check that it allows changed copies, and keep its notices.");
        return text.ToString();
    }

    private static void FrontMatter(StringBuilder text, MergePlan plan, Origin origin)
    {
        Line(text, "---");
        if (origin.BaseModel is not null) Line(text, $"base_model: {origin.BaseModel}");
        if (origin.License is not null) Line(text, $"license: {origin.License}");
        Line(text, "library_name: onnx\npipeline_tag: text-generation\ntags:\n- onnx\n- onnx-mka");
        Line(text, plan.Method == Method.Mka ? "- layer-merging\n- mka\n- merge" : "- layer-dropping");
        Line(text, "---\n");
    }

    private static void Plan(StringBuilder text, Lineage lineage)
    {
        var plan = lineage.Plan;
        Section(text, "Plan");
        Line(text, "Layers are numbered from 0 as in the original.\n");
        foreach (var (group, place) in plan.Groups.Select((g, n) => (g, n)).Where(g => g.g.IsMerge || !g.g.Weights.ContainsKey(g.g.Block)))
            Line(text, $"- new layer {place} is {Sum(group)}");
        var mixed = plan.Groups.SelectMany(g => g.Weights.Keys).ToHashSet();
        var dropped = plan.Removed.Where(b => !mixed.Contains(b)).ToArray();
        if (dropped.Length > 0) Line(text, $"- layers {string.Join(", ", dropped.Select(plan.NameOf))} were left out");
        foreach (var change in lineage.Changed.GroupBy(c => c.By, c => c.Place)) Line(text, $"- {Changed(change.Key, [.. change])}");
        if (plan.Units is not null)
        {
            Line(
                text,
                $"- all others are as they were. Configuration counts the {plan.KeptLayers.Count()} layers whose attention stays; "
                    + "an MLP without one belongs to the layer before it");
            return;
        }

        Line(
            text,
            $"- all other layers are as they were; new layers 0 to {plan.Groups.Length - 1} stand at the places of "
                + $"{string.Join(", ", plan.Groups.Select(g => g.Block))}");
    }

    /// <summary>The input was itself made of another model: what became of that one's layers through all runs.</summary>
    private static void Earlier(StringBuilder text, Lineage origin)
    {
        var plan = origin.Plan;
        var layers = string.Join(", ", plan.Groups.Select(g => plan.NameOf(g.Block)));
        Line(
            text,
            $"\nThe model that this was made from is itself a result. Of the {plan.BlockCount} layers of the first original those at "
                + $"{layers} are left.\n");
        foreach (var (group, place) in plan.Groups.Select((g, n) => (g, n)).Where(g => g.g.IsMerge))
            Line(text, $"- in the first original's layers, new layer {place} is {Sum(group)}");
        foreach (var change in origin.Changed.GroupBy(c => c.By, c => c.Place))
            Line(text, $"- through all runs, {Changed(change.Key, [.. change])}");
    }

    private static string Sum(MergeGroup group) =>
        string.Join(" + ", group.Weights.Select(w => $"{w.Value.ToString("0.####", CultureInfo.InvariantCulture)} of layer {w.Key}"));

    private static string Changed(string by, int[] places)
    {
        var layers = (places.Length == 1 ? "new layer " : "new layers ") + string.Join(", ", places);
        return by switch
        {
            "refit" =>
                $"weights of {layers} were then fitted anew, so that what they leave is near what the original leaves there (refit, closed "
                    + "form)",
            "fold" => $"a linear map was then folded into {layers} (fold, closed form)",
            "linear" or "hadamard" or "scale" => $"behind {layers} nodes were added that bring the stream near the original's ({by})",
            _ => $"{layers} were then changed by the step '{by}'",
        };
    }

    private static void Cost(StringBuilder text, CompressionResult result)
    {
        Section(text, "What it cost");
        var (plan, quality, bytes) = (result.Plan, result.Quality, result.Emitted?.Written.TotalBytes ?? result.PlannedBytes);
        Line(text, "| model | layers | size | perplexity | decode tokens/s |\n|---|---|---|---|---|");
        Row(text, "original", plan.BlockCount, result.OriginalBytes, quality?.Original, quality?.Speed?.Models[0]);
        Row(text, "this model", plan.Groups.Length, bytes, quality?.Result, quality?.Speed?.Models[1]);
        if (quality is not null && plan.Method == Method.Mka)
            Row(text, "the same layers plainly dropped", plan.Groups.Length, bytes, quality.PlainDrop, null);
        Line(text, "");
        Line(text, quality is null
            ? "Perplexity was not measured."
            : $"Perplexity on {quality.Windows} windows of {quality.WindowLength} tokens, {quality.Text}, never used for calibration "
                + $"(SHA-256 `{quality.TextSha256}`). Lower is better. Speed on the machine that made it, median of runs in turns.");
    }

    private static void Row(StringBuilder text, string name, int layers, long bytes, Perplexity? quality, ModelSpeed? measured)
    {
        var perplexity = quality is null ? "-" : quality.Value.ToString("0.00", CultureInfo.InvariantCulture);
        var speed = measured?.Decode?.Median.ToString("N0", CultureInfo.InvariantCulture) ?? "-";
        Line(text, $"| {name} | {layers} | {(bytes / 1e6).ToString("N1", CultureInfo.InvariantCulture)} MB | {perplexity} | {speed} |");
    }

    private static void Section(StringBuilder text, string title) => Line(text, $"\n## {title}\n");

    private static void Line(StringBuilder text, string line) => text.Append(line).Append('\n');

    /// <summary>What the input's own files say about where it comes from.</summary>
    private sealed record Origin(string? BaseModel, string? License)
    {
        public static Origin Of(string root)
        {
            var card = ReadIfThere(Path.Combine(root, "README.md"));
            var front = FrontMatterBlock().Match(card);
            var license = front.Success ? LicenseLine().Match(front.Value) : Match.Empty;
            var config = NameOrPath().Match(ReadIfThere(Path.Combine(root, "config.json")));
            return new Origin(config.Success ? config.Groups["id"].Value : null, license.Success ? license.Groups["id"].Value : null);
        }

        private static string ReadIfThere(string file) => File.Exists(file) ? File.ReadAllText(file) : "";
    }

    [GeneratedRegex(@"\A---\r?\n.*?\n---", RegexOptions.Singleline | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex FrontMatterBlock();

    [
        GeneratedRegex(
            @"^license:\s*(?<id>[A-Za-z0-9.+-]+)\s*$",
            RegexOptions.Multiline | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
            1000),
    ]
    private static partial Regex LicenseLine();

    /// <summary>A name on the hub, owner and model; a path on somebody's disk is none.</summary>
    [GeneratedRegex(
        @"""_name_or_path""\s*:\s*""(?<id>[A-Za-z0-9][\w.-]*/[\w.-]+)""",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        1000)]
    private static partial Regex NameOrPath();
}
