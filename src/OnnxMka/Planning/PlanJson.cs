using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace OnnxMka.Planning;

/// <summary>Plans as JSON, versioned: written by <c>--plan-out</c>, read by <c>--plan</c>.</summary>
public static partial class PlanJson
{
    public const int Version = 1;

    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    public static string Write(MergePlan plan) => JsonSerializer.Serialize(new Document(Version, plan), Options) + "\n";

    /// <summary>Refuses other versions, unknown content, blocks that the plan's model has not, and weights that do not sum to 1.</summary>
    public static MergePlan Read(string json, string name)
    {
        try
        {
            var document = JsonSerializer.Deserialize<Document>(json, Options);
            if (document is not { Version: Version, Plan: { } plan }) throw Bad(name, $"it is no plan of version {Version}");
            Check(plan, name);
            return plan;
        }
        catch (JsonException e)
        {
            throw Bad(name, $"it is no plan ({e.Message.Split('\n')[0].TrimEnd('.')})");
        }
    }

    private static void Check(MergePlan plan, string name)
    {
        if (plan.Groups.IsDefaultOrEmpty) throw Bad(name, "it leaves no block");
        // The serializer lets null through where it is an element of an array.
        if (plan.Groups.Any(g => g is null) || plan.Steps.Any(s => s is null) || plan.Rejected.Any(r => r is null || r.Reason is null)) throw Bad(name, "it has empty entries");
        if (plan.Steps.Any(s => !IsBlock(plan, s.From) || (s.Into is { } into && !IsBlock(plan, into)) || s.Alpha is not (>= 0 and <= 1))) throw Bad(name, "its steps are not between blocks of the model, with shares from 0 to 1");
        if (plan.Rejected.Any(r => !IsBlock(plan, r.Left) || !IsBlock(plan, r.Right))) throw Bad(name, "it speaks of blocks that the model has not");
        if (plan.Units is { } units && (units.Length != plan.BlockCount || units.Any(u => !UnitName().IsMatch(u)))) throw Bad(name, "its units are not the halves of layers");
        if (!plan.Permutations.IsDefaultOrEmpty && plan.Permutations.Any(p => p is null || !IsBlock(plan, p.Block) || p.From.IsDefaultOrEmpty || p.Units is not (AlignUnits.Mlp or AlignUnits.Heads)))
            throw Bad(name, "it orders units of blocks that the model has not");
        var last = -1;
        foreach (var group in plan.Groups)
        {
            if (group.Block <= last || group.Block >= plan.BlockCount) throw Bad(name, $"block {group.Block} is out of order or range");
            last = group.Block;
            var bad = !IsWhole(plan, group.Weights) || (!group.Fitted.IsDefaultOrEmpty && !group.Fitted.All(f => f is not null && IsWhole(plan, f.Weights) && f.Weights.Keys.All(group.Weights.ContainsKey)));
            if (bad) throw Bad(name, $"the weights of block {group.Block} do not sum to 1 over blocks of the model");
        }
    }

    /// <summary>Weights are products of doubles that sum to 1; an edited plan is written with 6 digits at least.</summary>
    private static bool IsWhole(MergePlan plan, System.Collections.Immutable.ImmutableSortedDictionary<int, double> weights) =>
        weights.Count > 0 && Math.Abs(weights.Values.Sum() - 1) <= 1e-6 && weights.Keys.All(b => IsBlock(plan, b));

    private static bool IsBlock(MergePlan plan, int block) => block >= 0 && block < plan.BlockCount;

    private static RefusedException Bad(string name, string what) => new("MKA042", name, what, "Make one with --plan-out");

    [GeneratedRegex(@"^[0-9]{1,6}(\.(attention|mlp[0-9]*))?$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex UnitName();

    private sealed record Document(int Version, MergePlan Plan);
}
