using System.Collections.Immutable;
using System.Text.Json;
using OnnxMka.Json;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Bench;

/// <summary>
/// The lineage of a model in its metadata, so that a later run still knows the first original:
/// <code>{ "version": 1, "layers": 16, "units": [ { "block": 6, "from": { "6": 0.7, "7": 0.3 }, "changed": [ "refit" ] }, ... ] }</code>
/// Units stand in the order of the model; numbers are those of the first original.
/// </summary>
internal static class LineageJson
{
    /// <summary>Model metadata entry.</summary>
    public const string Key = "onnx-mka.lineage";

    private const int Version = 1;

    /// <summary>A thousand times what a model of a thousand blocks takes.</summary>
    private const int MostLayers = 100_000;

    public static string Write(Lineage lineage)
    {
        var plan = lineage.Plan;
        var changes = lineage.Changes.ToLookup(c => c.Unit, c => c.By);
        var units = plan.Groups.Select(
            g => new Unit(g.Block, IsItself(g) ? null : g.Weights, changes[g.Block].Any() ? [.. changes[g.Block]] : null));
        return JsonSerializer.Serialize(new Document(Version, plan.BlockCount, plan.Units, [.. units]), Options);
    }

    /// <summary>
    /// Lineage of a model up to here; itself where it tells of no earlier run. One that its metadata tells and that cannot be true of it
    /// (another number of blocks, weights that are no shares) is not believed, and <paramref name="note"/> takes a line that says so.
    /// </summary>
    public static Lineage Of(BlockMap map, string fingerprint, Action<string> note)
    {
        var self = Lineage.Of(fingerprint, map.Count, map.HalfNames);
        if (!map.Model.Metadata.TryGetValue(Key, out var text)) return self;
        if (Read(text, map) is { } lineage) return lineage;
        note($"what the model tells of earlier runs ({Key}) is not understood: numbers are those of the model that was given");
        return self;
    }

    /// <summary>The blocks of the first original alone, one a unit of the model: numbers, or names of halves.</summary>
    public static string Blocks(Lineage lineage) => lineage.Plan.Units is null
        ? JsonSerializer.Serialize(lineage.Plan.Groups.Select(g => g.Block), JsonForm.Line)
        : JsonSerializer.Serialize(lineage.Plan.Groups.Select(g => lineage.Plan.NameOf(g.Block)), JsonForm.Line);

    private static Lineage? Read(string text, BlockMap map)
    {
        Document? document;
        try
        {
            document = JsonSerializer.Deserialize<Document>(text, Options);
        }
        catch (JsonException)
        {
            return null;
        }

        if (document is not { Version: Version, Layers: > 0 and <= MostLayers } || document.Units.IsDefaultOrEmpty) return null;
        if (document.Names is { } names && (names.IsDefault || names.Length != document.Layers || !names.All(PlanJson.IsUnitName)))
            return null;
        if (!document.Units.All(u => u is not null && IsUnit(u, document.Layers)) || !IsAscending(document.Units)) return null;
        var groups = document.Units.Select(u => new MergeGroup(u.Block, u.From ?? MergePlan.Single(u.Block)));
        var changes = document.Units.SelectMany(
            u => (u.Changed is { IsDefault: false } by ? by : []).Select(name => new UnitChange(u.Block, name)));
        var plan = new MergePlan("", Method.Drop, Order.Similarity, document.Layers, [], [.. groups], []) { Units = document.Names };
        var lineage = new Lineage(plan, [.. changes]);
        var told = (plan.Units is null, map.HalfNames is null) switch
        {
            (true, false) => LineageGranularity.OfHalves(lineage, map),
            (false, true) => LineageGranularity.OfLayers(lineage, map),
            _ => lineage,
        };
        return told?.Plan.Groups.Length == map.Count ? told : null;
    }

    private static bool IsUnit(Unit unit, int layers) =>
        unit.Block >= 0 && unit.Block < layers
        && (unit.From is not { } from
            || (from.Count > 0
                && from.All(w => w.Key >= 0 && w.Key < layers && double.IsFinite(w.Value))
                && Math.Abs(from.Values.Sum() - 1) < 1e-6))
        && (unit.Changed is not { IsDefault: false } changed || changed.All(c => c is { Length: > 0 and < 100 }));

    private static bool IsAscending(ImmutableArray<Unit> units) => units.Zip(units.Skip(1)).All(p => p.First.Block < p.Second.Block);

    private static bool IsItself(MergeGroup group) => !group.IsMerge && group.Weights.ContainsKey(group.Block);

    private static readonly JsonSerializerOptions Options =
        new(JsonForm.Line) { DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull };

    private sealed record Document(int Version, int Layers, ImmutableArray<string>? Names, ImmutableArray<Unit> Units);

    private sealed record Unit(int Block, ImmutableSortedDictionary<int, double>? From, ImmutableArray<string>? Changed);
}
