using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Json;

namespace OnnxMka.Structure;

/// <summary>
/// The model metadata entry that tells the seams to whoever reads the model next, where structure alone would not:
/// <code>
/// onnx-mka.seams   {"seams": ["/embed", "/layers.0/Add", "/layers.0/Add_1"], "units": ["0.attention", "0.mlp"]}
/// </code>
/// Seams are values of the stream as the file names them; units name what lies between, where some are halves of layers. A hint is a
/// claim: it is used where the graph bears it out, and ignored where not.
/// </summary>
internal static class SeamHint
{
    public const string Key = "onnx-mka.seams";

    private const string Stage = "seams";

    /// <summary>Characters; a thousand layers with the longest names that exporters give take a tenth of that.</summary>
    private const int LongestText = 4 << 20;

    /// <summary>What the model's metadata says; null where it says nothing, or nothing that can be read.</summary>
    public static StreamUnits? Read(OnnxModel model)
    {
        if (!model.Metadata.TryGetValue(Key, out var text) || text.Length > LongestText || Parsed(text) is not { } hint) return null;
        if (hint.Seams is not { Length: > 1 } seams || (hint.Units ?? []).Concat(seams).Any(s => s is null)) return null;
        if (hint.Units is null) return new StreamUnits([.. seams], [.. seams.Skip(1).Select((_, layer) => new StreamUnit(layer, null))]);
        if (hint.Units.Length != seams.Length - 1) return null;
        var units = hint.Units.Select(Unit).ToArray();
        return units.Contains(null) ? null : new StreamUnits([.. seams], [.. units!]);
    }

    /// <summary>The segments of each unit, where the graph bears the hint out; null where it does not.</summary>
    public static List<UnitRange>? Ranges(StreamUnits units, StreamReading reading)
    {
        if (!IsCounted(units) || reading.Ranges(units) is not { } ranges) return null;
        var segments = reading.Segments;
        var starts = AttentionSegments.Find(segments);
        if (!ranges.Where(r => r.Unit.HasAttention).Select(r => r.Range.Start.Value).SequenceEqual(starts)) return null;
        if (ranges.Any(r => r.Unit.Half is not null && !Halves.Adds(segments, r.Range.Start.Value))) return null;
        if (AttentionSegments.Outside(segments, UnitRange.Layers(ranges)) is not null) return null;
        return IsEnd(segments, ranges) && BlockDetector.IsHead(segments, ranges[^1].Range.End.Value) ? ranges : null;
    }

    /// <summary>
    /// The blocks between seams, as <see cref="BlockDetector.Between"/> describes them. The model gets the hint where it is needed (where
    /// the units are not those that structure would find), and loses one that it has and does not need.
    /// </summary>
    public static BlockMap Between(OnnxModel model, StreamUnits units)
    {
        using var reading = new StreamReading(NormalisedView.Of(model), units.Seams);
        var map = BlockDescription.Of(model, reading, reading.RangesOrThrow(units));
        var isNeeded = Ranges(units, reading) is { } ranges && !IsFound(ranges, reading);
        var hint = new Hint([.. units.Seams], map.HalfNames is { } names ? [.. names] : null);
        var text = isNeeded ? JsonSerializer.Serialize(hint, JsonForm.Line) : null;
        if (model.Metadata.GetValueOrDefault(Key) == text) return map;
        var script = new EditScript();
        script.Add(Stage, new GraphEdit.SetMetadata(Key, text));
        return map with { Model = GraphEditor.Apply(model, script) };
    }

    /// <summary>True where structure alone gives the same layers, and the same halves of them.</summary>
    private static bool IsFound(List<UnitRange> units, StreamReading reading)
    {
        List<Range> layers;
        try
        {
            layers = BlockDetector.Layers(reading);
        }
        catch (RefusedException e) when (e.Refusal.Code == "MKA011")
        {
            return false;
        }

        if (!layers.SequenceEqual(UnitRange.Layers(units))) return false;
        if (units.All(u => u.Unit.Half is null)) return true;
        var halves = layers.SelectMany((layer, i) => Halves.Split(reading.Segments, layer, i));
        return halves.Select(u => u.Range).SequenceEqual(units.Select(u => u.Range));
    }

    /// <summary>Layers are counted by their attentions, and the halves of a layer by their place in it.</summary>
    private static bool IsCounted(StreamUnits units)
    {
        var (layer, place) = (-1, 0);
        foreach (var unit in units.Units)
        {
            if (unit.HasAttention) (layer, place) = (layer + 1, 0);
            else place++;
            if (unit.Layer != layer || layer < 0 || (!unit.HasAttention && unit.Half != Halves.NameOf(place))) return false;
        }

        return true;
    }

    /// <summary>
    /// The last unit ends where something is added to the stream, in a call that attends, or as another unit ends, and not with the head;
    /// with a norm only where norms stand behind what they serve.
    /// </summary>
    private static bool IsEnd(StreamSegments segments, List<UnitRange> ranges)
    {
        var view = segments.Stream.View;
        string? Form(int cut) => view.Producer(segments.Stream.Cuts[cut]) is { } node ? view.IsCall(node) ? "call" : node.Op : null;
        var end = ranges[^1].Range.End.Value;
        if (Halves.Adds(segments, end - 1)) return true;
        var last = view.Producer(segments.Stream.Cuts[end]);
        if (last is not null && view.IsCall(last) && AttentionSegments.IsAttention(segments, last)) return true;
        var entry = view.Readers(segments.Stream.Cuts[ranges[^1].Range.Start.Value]);
        var isPostNorm = entry.Any(r => Products.Contains(r.Node.Op) || AttentionSegments.IsAttention(segments, r.Node));
        if (isPostNorm && Form(end) is "LayerNorm" or "RmsNorm") return true;
        return ranges.SkipLast(1).Any(r => Form(r.Range.End.Value) == Form(end) && !Halves.Adds(segments, r.Range.End.Value - 1));
    }

    /// <summary>A hint that is no JSON, or other JSON, is none.</summary>
    private static Hint? Parsed(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<Hint>(text, JsonForm.Line);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static StreamUnit? Unit(string name)
    {
        var dot = name.IndexOf('.', StringComparison.Ordinal);
        if (!int.TryParse(dot < 0 ? name : name[..dot], NumberStyles.None, CultureInfo.InvariantCulture, out var layer)) return null;
        var unit = new StreamUnit(layer, dot < 0 ? null : name[(dot + 1)..]);
        return unit.Name == name ? unit : null;
    }

    private sealed record Hint(string[]? Seams, string[]? Units);
}
