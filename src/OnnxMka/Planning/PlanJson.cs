using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using OnnxMka.Json;

namespace OnnxMka.Planning;

/// <summary>Plans as JSON, versioned: written by <c>--plan-out</c>, read by <c>--plan</c>.</summary>
internal static partial class PlanJson
{
    public const int Version = 1;

    /// <summary>bf16 keeps 8 bits: a share of 2^8 makes the rounding of a stored weight as large as the weight.</summary>
    private const double LargestFit = 256;

    private static readonly JsonSerializerOptions Options =
        new(JsonForm.Indented) { RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true };

    /// <summary>The plan alone, as it stands in a file's <c>plan</c>. Refuses as <see cref="Read"/> does.</summary>
    internal static MergePlan Of(JsonElement json, string name)
    {
        var plan = json.Deserialize<MergePlan>(Options) ?? throw Bad(name, "it has no plan");
        Check(plan, name);
        return plan;
    }

    /// <summary>The plan alone.</summary>
    internal static void WriteTo(Utf8JsonWriter writer, MergePlan plan) => JsonSerializer.Serialize(writer, plan, Options);

    public static string Write(MergePlan plan) => JsonSerializer.Serialize(new Document(Version, plan), Options) + "\n";

    /// <summary>
    /// Refuses other versions, unknown content, blocks that the plan's model has not, and weights that are no shares of 1.
    /// </summary>
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
        if (plan.Groups.Any(g => g is null) || plan.Steps.Any(s => s is null) || plan.Rejected.Any(r => r is null || r.Reason is null))
            throw Bad(name, "it has empty entries");
        if (!plan.Steps.All(s => IsStep(plan, s)))
            throw Bad(name, "its steps are not between blocks of the model, with figures from 0 to 1");
        if (plan.Rejected.Any(r => !IsBlock(plan, r.Left) || !IsBlock(plan, r.Right)))
            throw Bad(name, "it speaks of blocks that the model has not");
        if (plan.Units is { } units && (units.Length != plan.BlockCount || !units.All(IsUnitName)))
            throw Bad(name, "its units are not the halves of layers");
        if (!plan.Permutations.IsDefaultOrEmpty
            && plan.Permutations.Any(
                p => p is null
                    || !IsBlock(plan, p.Block)
                    || p.From.IsDefaultOrEmpty
                    || p.Units is not (AlignUnits.Mlp or AlignUnits.Heads)))
            throw Bad(name, "it orders units of blocks that the model has not");
        var last = -1;
        foreach (var group in plan.Groups)
        {
            if (group.Block <= last || group.Block >= plan.BlockCount) throw Bad(name, $"block {group.Block} is out of order or range");
            last = group.Block;
            CheckWeights(plan, group, name);
        }
    }

    private static void CheckWeights(MergePlan plan, MergeGroup group, string name)
    {
        var whose = $"weights of block {group.Block}";
        if (!group.Weights.Values.All(w => w is >= 0 and <= 1)) throw Bad(name, $"the {whose} are not from 0 to 1");
        if (!IsWhole(plan, group.Weights)) throw Bad(name, $"the {whose} do not sum to 1 over blocks of the model");
        if (group.Fitted.IsDefaultOrEmpty || group.Fitted.All(f => f is not null && IsFit(plan, group, f.Weights))) return;
        throw Bad(name, $"the fitted {whose} do not sum to 1 over the blocks that go into it, or are beyond {LargestFit}");
    }

    private static bool IsStep(MergePlan plan, MergeStep step) =>
        IsBlock(plan, step.From) && (step.Into is not { } into || IsBlock(plan, into))
        && step is { Alpha: >= 0 and <= 1, Similarity: null or (>= 0 and <= 1) };

    /// <summary>
    /// Weights are products of doubles, whose rounding is far below that of a person: each is written with 6 decimals at least, and so off
    /// by half a millionth at most.
    /// </summary>
    private static bool IsWhole(MergePlan plan, ImmutableSortedDictionary<int, double> weights) =>
        weights.Count > 0 && Math.Abs(weights.Values.Sum() - 1) <= weights.Count * 0.5e-6 && weights.Keys.All(b => IsBlock(plan, b));

    private static bool IsFit(MergePlan plan, MergeGroup group, ImmutableSortedDictionary<int, double> weights) =>
        weights.Values.All(w => Math.Abs(w) <= LargestFit) && IsWhole(plan, weights) && weights.Keys.All(group.Weights.ContainsKey);

    internal static bool IsUnitName(string? name) => name is not null && UnitName().IsMatch(name);

    private static bool IsBlock(MergePlan plan, int block) => block >= 0 && block < plan.BlockCount;

    private static RefusedException Bad(string name, string what) => new("MKA042", name, what, "Make one with --plan-out");

    [GeneratedRegex(@"^[0-9]{1,6}(\.(attention|mlp[0-9]*))?$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex UnitName();

    private sealed record Document(int Version, MergePlan Plan);
}
