using System.Collections.Immutable;
using OnnxMka.Cutting;
using OnnxMka.Structure;

namespace OnnxMka.Steps.Cutting;

/// <summary>What each unit of a model becomes: the cheapest set of offers within a number of parameters.</summary>
internal sealed class CutChoice
{
    private readonly BlockMap _map;
    private readonly ImmutableArray<UnitPrices> _prices;
    private readonly ImmutableArray<CutPart> _allow;
    private readonly int? _width; // of all MLPs; null for each its own

    private CutChoice(BlockMap map, ImmutableArray<UnitPrices> prices, Cut cut, int? width)
    {
        _map = map;
        _prices = prices;
        _allow = cut.Allow;
        _width = width;
    }

    /// <summary>One a unit. Refuses a share that cannot be taken (MKA080).</summary>
    public static ImmutableArray<UnitForm> Of(BlockMap map, ImmutableArray<UnitPrices> prices, Cut cut, double ratio)
    {
        var all = prices.Sum(p => p.Parameters);
        var budget = (long)Math.Floor((1 - ratio) * all);
        var forms = Within(map, prices, cut, budget - prices.Sum(p => p.Fixed));
        var left = forms.Sum(f => f.Parameters);
        if (left <= budget) return forms;
        throw new RefusedException(
            "MKA080",
            $"{ratio:0.##%} of the blocks' parameters",
            FormattableString.Invariant($"at most {(all - left) / (double)all:0.#%} can be taken in the ways that are allowed")
                + Why(prices),
            "Ask for less, or allow more kinds of cuts");
    }

    /// <summary>The largest share that can be taken.</summary>
    public static double Most(BlockMap map, ImmutableArray<UnitPrices> prices, Cut cut)
    {
        var left = Within(map, prices, cut, 0).Sum(f => f.Parameters);
        return 1 - (left / (double)Math.Max(1, prices.Sum(p => p.Parameters)));
    }

    /// <summary>The cheapest forms within so many parameters of what can be cut, or the smallest that there are.</summary>
    private static ImmutableArray<UnitForm> Within(BlockMap map, ImmutableArray<UnitPrices> prices, Cut cut, long budget)
    {
        if (!cut.Uniform || !cut.Allow.Contains(CutPart.Widths)) return new CutChoice(map, prices, cut, null).Within(budget);

        // One width for all, and the rest of the budget as it is best with that width.
        var choices = prices.SelectMany(p => p.Choices).Where(c => c.Name == Choice.Width);
        var widths = choices.Select(c => c.Offers.Select(o => o.Size)).ToArray();
        if (widths.Length == 0) return new CutChoice(map, prices, cut, null).Within(budget);
        var common = widths.Aggregate((a, b) => a.Intersect(b));
        var ways = common.Select(w => new CutChoice(map, prices, cut, w).Within(budget)).ToArray();
        return ways.Where(w => Size(w) <= budget).MinBy(w => w.Sum(f => f.Price)) is { IsDefault: false } best ? best : ways.MinBy(Size);

        static long Size(ImmutableArray<UnitForm> forms) => forms.Sum(f => f.Parameters - (f.Gone ? 0 : f.Unit.Fixed));
    }

    private ImmutableArray<UnitForm> Within(long budget)
    {
        var groups = Groups();
        var picks = Allocation.Choose([.. groups.Select(Forms)], budget);
        return [.. groups.Zip(picks, Taken).SelectMany(f => f).OrderBy(f => f.Place)];
    }

    /// <summary>Halves that go or stay together: those of a layer where halves alone may not go, each its own else.</summary>
    private ImmutableArray<ImmutableArray<UnitPrices>> Groups() => IsLayerwise
        ? [.. _prices.GroupBy(p => _map.Blocks[p.Place].Layer).Select(g => g.ToImmutableArray())]
        : [.. _prices.Select(p => ImmutableArray.Create(p))];

    private bool IsLayerwise => _allow.Contains(CutPart.Blocks) && !_allow.Contains(CutPart.Halves);

    private HalfForms Forms(ImmutableArray<UnitPrices> group) => new(
        [.. group.SelectMany(u => u.Choices).Select(c => Allowed(c).Select(o => new Form(o.Parameters, o.Price)).ToImmutableArray())],
        Gone(group));

    private ImmutableArray<Offer> Allowed(Choice choice)
    {
        var isWidth = choice.Name == Choice.Width;
        if (isWidth && _width is { } width) return [choice.Offers.First(o => o.Size == width)];
        return _allow.Contains(isWidth ? CutPart.Widths : CutPart.Ranks) ? choice.Offers : [choice.Offers[0]];
    }

    /// <summary>
    /// The first unit stays: clients count layers by their attention, and one must stand first. So does an MLP where all have one width.
    /// </summary>
    private double? Gone(ImmutableArray<UnitPrices> group)
    {
        if (group[0].Place == 0 || (_width is not null && group.Any(u => u.Choices.Any(c => c.Name == Choice.Width)))) return null;
        if (IsLayerwise) return group[0].LayerGone;
        return _allow.Contains(CutPart.Halves) || (_allow.Contains(CutPart.Blocks) && _map.Blocks[group[0].Place].Half is null)
            ? group[0].Gone
            : null;
    }

    private IEnumerable<UnitForm> Taken(ImmutableArray<UnitPrices> group, ImmutableArray<int>? picks)
    {
        var next = 0;
        foreach (var unit in group)
        {
            if (picks is not { } taken)
            {
                yield return new UnitForm(unit, true, []);
                continue;
            }

            var sizes = unit.Choices.Select(c => (c.Name, Allowed(c)[taken[next++]], c.Offers[0])).ToImmutableArray();
            yield return new UnitForm(unit, false, sizes);
        }
    }

    private static string Why(ImmutableArray<UnitPrices> prices)
    {
        var obstacles = prices.SelectMany(p => p.Obstacles).DistinctBy(o => o.Why).Take(3).Select(o => $"{o.Name}: {o.Why}").ToArray();
        return obstacles.Length > 0 ? $" ({string.Join("; ", obstacles)})" : "";
    }
}

/// <summary>What a unit becomes.</summary>
/// <param name="Taken">Of each choice the offer that was taken, and the form as it is.</param>
internal sealed record UnitForm(UnitPrices Unit, bool Gone, ImmutableArray<(string Name, Offer Taken, Offer Dense)> Taken)
{
    public int Place => Unit.Place;

    /// <summary>Parameters of its matrices that are left.</summary>
    public long Parameters => Gone ? 0 : Unit.Fixed + Taken.Sum(t => t.Taken.Parameters);

    public double Price => Gone ? Unit.Gone ?? 0 : Taken.Sum(t => t.Taken.Price);

    /// <summary>Sizes of what is cut.</summary>
    public ImmutableSortedDictionary<string, int> Sizes => Taken.Where(t => t.Taken != t.Dense)
        .ToImmutableSortedDictionary(t => t.Name, t => t.Taken.Size, StringComparer.Ordinal);
}
