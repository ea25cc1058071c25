using System.Collections.Immutable;

namespace OnnxMka.Cutting;

/// <summary>One form of a site.</summary>
/// <param name="Parameters">What it holds.</param>
/// <param name="Loss">What it costs, in a unit that adds up over sites and halves.</param>
internal sealed record Form(long Parameters, double Loss);

/// <summary>What a half of a block can become.</summary>
/// <param name="Sites">The forms of each of its sites, the dense one first.</param>
/// <param name="Gone">The loss of leaving the half out; null where it must stay.</param>
internal sealed record HalfForms(ImmutableArray<ImmutableArray<Form>> Sites, double? Gone);

/// <summary>
/// The least sum of losses within a budget of parameters: one multiplier, the price of a parameter, at which every site takes its cheapest
/// form and every half stays or goes, whichever is cheaper. What the budget has left goes, step by step, where a parameter saves most.
/// </summary>
internal static class Allocation
{
    private const int Bisections = 70; // of the logarithm: what is left of 34 is below the rounding of the price
    private const double LeastPrice = 1e-14;
    private const double MostPrice = 10;

    /// <summary>
    /// The form of each site of each half, null for a half that is left out. Where nothing fits the budget, that is the smallest model.
    /// </summary>
    /// <param name="budget">Parameters, at most.</param>
    public static ImmutableArray<ImmutableArray<int>?> Choose(ImmutableArray<HalfForms> halves, long budget)
    {
        var (low, high) = (LeastPrice, MostPrice);
        for (var i = 0; i < Bisections; i++)
        {
            var middle = Math.Sqrt(low * high);
            if (Parameters(halves, At(halves, middle)) > budget) low = middle;
            else high = middle;
        }

        var picks = At(halves, high);
        if (Parameters(halves, picks) > budget) picks = Smallest(halves);
        Spend(halves, picks, budget - Parameters(halves, picks));
        return [.. picks.Select(p => p?.ToImmutableArray())];
    }

    /// <summary>What the forms hold.</summary>
    private static long Parameters(ImmutableArray<HalfForms> halves, int[]?[] picks) =>
        halves.Zip(picks, (half, pick) => pick is null ? 0 : half.Sites.Zip(pick, (forms, k) => forms[k].Parameters).Sum()).Sum();

    /// <summary>The cheapest at a price of a parameter; of equals the smaller, then the first.</summary>
    private static int[]?[] At(ImmutableArray<HalfForms> halves, double price)
    {
        double Cost(Form form) => form.Loss + (price * form.Parameters);
        int[]? Pick(HalfForms half)
        {
            int[] best = [.. half.Sites.Select(forms => Least(forms, f => (Cost(f), f.Parameters)))];
            return half.Gone < half.Sites.Zip(best, (forms, k) => Cost(forms[k])).Sum() ? null : best;
        }

        return [.. halves.Select(Pick)];
    }

    private static int[]?[] Smallest(ImmutableArray<HalfForms> halves) =>
    [
        .. halves.Select(h => h.Gone is null ? h.Sites.Select(forms => Least(forms, f => (f.Parameters, f.Loss))).ToArray() : null),
    ];

    private static int Least<T>(ImmutableArray<Form> forms, Func<Form, T> key) =>
        Enumerable.Range(0, forms.Length).MinBy(k => key(forms[k])); // the first of equals

    /// <summary>Larger forms of less loss, the one that saves most a parameter first, while they fit.</summary>
    private static void Spend(ImmutableArray<HalfForms> halves, int[]?[] picks, long left)
    {
        while (true)
        {
            var (most, choice) = (0.0, (Half: 0, Site: 0, Form: 0));
            for (var i = 0; i < halves.Length; i++)
            {
                for (var j = 0; picks[i] is { } pick && j < pick.Length; j++)
                {
                    var forms = halves[i].Sites[j];
                    for (var k = 0; k < forms.Length; k++)
                    {
                        var more = forms[k].Parameters - forms[pick[j]].Parameters;
                        if (more <= 0 || more > left) continue;
                        var saving = (forms[pick[j]].Loss - forms[k].Loss) / more;
                        if (saving > most) (most, choice) = (saving, (i, j, k));
                    }
                }
            }

            if (!(most > 0)) return;
            ref var chosen = ref picks[choice.Half]![choice.Site];
            var site = halves[choice.Half].Sites[choice.Site];
            left -= site[choice.Form].Parameters - site[chosen].Parameters;
            chosen = choice.Form;
        }
    }
}
