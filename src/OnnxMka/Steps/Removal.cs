using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json.Serialization;
using OnnxMka.Bench;
using OnnxMka.Outcomes;
using OnnxMka.Planning;

namespace OnnxMka.Steps;

/// <summary>
/// A step that takes units (blocks, or halves of them) out of a model: how many and which. Exactly one of <see cref="Ratio"/>,
/// <see cref="Count"/> and <see cref="Blocks"/> says how much goes. Numbers are those of the model that the recipe is given, from 0.
/// </summary>
public abstract record Removal : Step
{
    /// <summary>Share of the input's units that goes, 0 up to but not 1.</summary>
    [Bounds(0, Most = 1, BelowMost = true)]
    public double? Ratio { get; init; }

    /// <summary>Number of units that go.</summary>
    [Bounds(0)]
    public int? Count { get; init; }

    /// <summary>
    /// The units that go, whatever their score; protection does not apply to them. Of halves: <c>3.mlp</c>, <c>7.attention</c>, <c>5</c>
    /// for both.
    /// </summary>
    [JsonConverter(typeof(BlockNamesConverter))]
    public ImmutableArray<string> Blocks { get; init; } = [];

    /// <summary>How the units that go are chosen: a selector's name; null for the most similar neighbours (<c>npib</c>).</summary>
    public string? Select { get; init; }

    /// <summary>Layers at the start that neither go nor change.</summary>
    [Bounds(0)]
    public int ProtectFirst { get; init; } = 1;

    /// <summary>Layers at the end that neither go nor change.</summary>
    [Bounds(0)]
    public int ProtectLast { get; init; } = 1;

    /// <summary>Another removal of the same units: how many and which.</summary>
    internal T As<T>(T removal)
        where T : Removal => removal with
        {
            Ratio = Ratio,
            Count = Count,
            Blocks = Blocks,
            Select = Select,
            ProtectFirst = ProtectFirst,
            ProtectLast = ProtectLast,
        };

    /// <summary>True where the units are named, and nothing is left to choose of them.</summary>
    internal bool IsNamed => !Blocks.IsDefaultOrEmpty;

    /// <summary>How many of the ways to say how much goes are taken.</summary>
    internal int Amounts => (Ratio is null ? 0 : 1) + (Count is null ? 0 : 1) + (IsNamed ? 1 : 0);

    /// <summary>By value, lists included.</summary>
    public virtual bool Equals(Removal? other) =>
        base.Equals(other)
        && (Ratio, Count, Select, ProtectFirst, ProtectLast)
            == (other.Ratio, other.Count, other.Select, other.ProtectFirst, other.ProtectLast)
        && Named(this).SequenceEqual(Named(other));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Ratio, Count, Select, Named(this).Length);

    /// <summary>The same for a planner, in units of a state. Refuses (MKA040) units that the input has not, or that went before.</summary>
    internal PlanOptions PlanFor(ModelState state, ModelState input, Method method)
    {
        var options = new PlanOptions
        {
            Method = method,
            Count = Count ?? (Ratio is { } ratio ? PlanOptions.ForRatio(ratio, input.Structure.Count) : 0),
            Order = Select == "tail" ? Order.Tail : Order.Similarity,
            ProtectFirst = ProtectFirst,
            ProtectLast = ProtectLast,
        };
        return options.For(state.Structure) with { Named = IsNamed ? [.. Blocks.SelectMany(name => Places(name, state, input))] : [] };
    }

    /// <summary>Names of units of a state, as they are in the input.</summary>
    internal static ImmutableArray<string> NamesOf(IEnumerable<int> units, ModelState state) =>
        [.. units.Select(unit => state.Lineage.Plan.NameOf(state.Lineage.InInput(unit)))];

    private static ImmutableArray<string> Named(Removal removal) => removal.IsNamed ? removal.Blocks : [];

    private static IEnumerable<int> Places(string name, ModelState state, ModelState input)
    {
        foreach (var unit in PlanOptions.Numbers(input.Structure, name))
        {
            var place = state.Lineage.Plan.PlaceOf(unit);
            // A number beyond the model's is refused where all named units are looked at.
            if (place < 0 && unit >= 0 && unit < input.Structure.Count)
            {
                throw new RefusedException(
                    "MKA040", $"block {name}", "a step before this one has taken it out", "Name blocks that are still there");
            }

            yield return place < 0 ? unit : place;
        }
    }
}

/// <summary>Units as numbers where they are numbers, and as names else.</summary>
internal sealed class BlockNamesConverter : JsonConverter<ImmutableArray<string>>
{
    public override ImmutableArray<string> Read(
        ref System.Text.Json.Utf8JsonReader reader, Type typeToConvert, System.Text.Json.JsonSerializerOptions options)
    {
        if (reader.TokenType != System.Text.Json.JsonTokenType.StartArray)
            throw new System.Text.Json.JsonException("blocks are a list, such as [3, 7]");
        var names = ImmutableArray.CreateBuilder<string>();
        while (reader.Read() && reader.TokenType != System.Text.Json.JsonTokenType.EndArray)
        {
            names.Add(reader.TokenType switch
            {
                System.Text.Json.JsonTokenType.Number when reader.TryGetInt32(out var number) => number.ToString(
                    CultureInfo.InvariantCulture),
                System.Text.Json.JsonTokenType.String => reader.GetString()!,
                _ => throw new System.Text.Json.JsonException("a block is a number, or the name of a half such as 3.mlp"),
            });
        }

        return names.ToImmutable();
    }

    public override void Write(
        System.Text.Json.Utf8JsonWriter writer, ImmutableArray<string> value, System.Text.Json.JsonSerializerOptions options)
    {
        writer.WriteStartArray();
        foreach (var name in value.IsDefault ? [] : value)
        {
            if (int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) writer.WriteNumberValue(number);
            else writer.WriteStringValue(name);
        }

        writer.WriteEndArray();
    }
}
