using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Cutting;
using OnnxMka.Numerics;
using OnnxMka.Steps.Correcting;
using OnnxMka.Steps.Refitting;
using OnnxMka.Structure;
using Sizes = System.Collections.Immutable.ImmutableSortedDictionary<string, int>;

namespace OnnxMka.Steps.Cutting;

/// <summary>
/// Cuts each unit that has a form, on the stream that the cut prefix gives, and fits what writes to the stream anew:
/// <list type="number">
/// <item>matrices that read the stream are truncated under their inputs as they now are;</item>
/// <item>those that write to it are refitted and then truncated, where that lowers the error, else truncated alone;</item>
/// <item>the MLP loses the neurons that are missed least, the others take over, and the down projection is refitted;</item>
/// <item>gate, up and down are fitted together where asked for, and down once more.</item>
/// </list>
/// Units without a form are refitted, as the prefix before them changed.
/// </summary>
/// <param name="units">By number in the input.</param>
internal sealed class CutWork(ImmutableSortedDictionary<int, Sizes> units, bool fitMlp) : IUnitWork
{
    public bool EachToken => true;

    public bool Changes(int unit) => units.ContainsKey(unit);

    public string? Announced(BlockMap map, long rows)
    {
        var fitted = fitMlp ? MlpFit.Rows(rows, Widest(map)) : rows;
        string?[] lines =
        [
            new RefitWork(RefitWork.UsualRidge, 1).Announced(map, rows),
            fitted < rows ? FormattableString.Invariant($"gate, up and down are fitted together to {fitted:N0} of {rows:N0} tokens") : null,
        ];
        return string.Join("; ", lines.OfType<string>()) is { Length: > 0 } line ? line : null;
    }

    /// <summary>Sums under which matrices are cut, the refit of what writes to the stream, and the fit of MLPs where asked for.</summary>
    public Effort Effort(BlockMap map, CalibrationSplit split, bool most = false)
    {
        var products = fitMlp ? MlpFit.Operations(split.Fit.TokenCount, Widest(map)) * map.LayerCount / map.Count : 0;
        return (2 * new RefitWork(RefitWork.UsualRidge, 1).Effort(map, split, most)) + new Effort(0, 0, 0, products);
    }

    /// <summary>Elements of the largest matrix.</summary>
    private static long Widest(BlockMap map)
    {
        var view = NormalisedView.Of(map.Model);
        return map.Blocks.SelectMany(b => Sites.Of(map, view, b).Found).Select(s => s.Elements).DefaultIfEmpty(1).Max();
    }

    public IEnumerable<Proposal> On(UnitBench unit)
    {
        var sizes = units.GetValueOrDefault(unit.Unit, Sizes.Empty);
        var all = Sites.Of(unit.Model.Map, unit.Model.View, unit.Model.Map.Blocks[unit.Place]);
        var unknown = sizes.Keys.FirstOrDefault(n => n != Choice.Width && !all.Found.Any(s => s.Name == n));
        if (unknown is not null) throw Refused(unit, $"'{unknown}' is none of its matrices", all);
        var scales = unit.Writers.Writers.ToDictionary(w => w.Weight, w => w.Scale);
        foreach (var site in all.Found.Where(s => sizes.ContainsKey(s.Name)))
        {
            foreach (var proposal in Ranked(unit, site, sizes[site.Name], ScaleOf(site.Parameter))) yield return proposal;
        }

        var ranked = all.Found.Where(s => sizes.ContainsKey(s.Name)).Select(s => s.Parameter).ToHashSet();
        var neurons = sizes.TryGetValue(Choice.Width, out var width) ? Found(unit, all) : null;
        if (neurons is not null) yield return Narrowed(unit, neurons, width);
        foreach (var proposal in RefitWork.Fits(unit, w => !ranked.Contains(w.Weight))) yield return proposal;
        if (neurons is null || !fitMlp || ScaleOf(neurons.Down.Parameter) is not { } scale) yield break;
        if (GatedUnit.Of(unit.Model, neurons) is not { } mlp) yield break;
        yield return MlpFit.Of(unit, mlp, scale);
        foreach (var proposal in RefitWork.Fits(unit, w => w.Weight == neurons.Down.Parameter)) yield return proposal;

        double? ScaleOf(BlockParameter weight) => scales.TryGetValue(weight, out var found) ? found : null;
    }

    /// <summary>A site of lower rank; one that writes to the stream is fitted to what its unit lacks first, where that helps.</summary>
    /// <param name="scale">What its product is multiplied with on its way to the stream; null where it does not write to it.</param>
    private static IEnumerable<Proposal> Ranked(UnitBench unit, Site site, int rank, double? scale)
    {
        if (rank < 1 || rank > site.Rank)
            throw new RefusedException("MKA081", site.Name, $"its rank cannot be {rank}", "Name a smaller one");
        GC.Collect(); // what the last sums left may be gigabytes
        var map = unit.Model.Map;
        var weight = Weights.Of(unit.Model, site);
        var sums = new NormalEquations(site.Inputs, 0);
        var fit = scale is not null && site.Outputs == unit.Width ? LeastSquares.Of(unit.Rows, site.Inputs, site.Outputs) : null;
        unit.Observe(site.Input, (y, t, x) =>
        {
            sums.Add(x, []);
            fit?.Add(x, UnitBench.Residual(t, y), StreamRows.InverseNorms(t, site.Outputs));
        });
        var gram = sums.TakeGram(false);
        var solved = fit?.Solver(false);
        var place = $"{site.Name}, rank {rank} of {site.Rank}";
        yield return Proposal.Required(place, () => Pair(weight));
        if (solved is null) yield break;
        yield return Proposal.Ridges(
            $"{site.Name}, refit before",
            RefitWork.UsualRidge,
            ridge => solved(ridge) is { } change ? Pair(Sum(weight, change)) : null);

        FormEdit Pair(double[] values) => new(
            Weights.Paired(map, site, Truncation.Of(gram, values, site.Inputs, site.Outputs, rank), rank));

        double[] Sum(double[] values, double[] change)
        {
            var sum = new double[values.Length];
            for (var i = 0; i < site.Inputs; i++)
            {
                for (var k = 0; k < site.Outputs; k++)
                    sum[(i * site.Outputs) + k] = values[(i * site.Outputs) + k] + (change[(k * site.Inputs) + i] / scale!.Value);
            }

            return sum;
        }
    }

    private static Neurons Found(UnitBench unit, Sites sites)
    {
        var (found, obstacle) = Neurons.Of(unit.Model, unit.Place, unit.Chain, unit.Sample, unit.Stop);
        return found ?? throw Refused(unit, obstacle!, sites);
    }

    private static Proposal Narrowed(UnitBench unit, Neurons neurons, int width)
    {
        if (width < 1 || width > neurons.Count)
            throw new RefusedException("MKA081", neurons.Down.Parameter.Role, $"it has {neurons.Count} neurons, not {width}", "Name fewer");
        return Proposal.Required($"{neurons.Down.Parameter.Role}, {width} of {neurons.Count} neurons", () =>
        {
            GC.Collect();
            var sums = new NormalEquations(neurons.Count, 0);
            unit.Observe(neurons.Features, (_, _, f) => sums.Add(f, []));
            var (gram, down, outputs) = (sums.TakeGram(false), neurons.DownWeight(), neurons.Down.Outputs);
            var kept = NeuronRemoval.Of([.. gram], [.. down], neurons.Count, outputs).Kept(width);
            var form = neurons.Keeping(kept, NeuronRemoval.Repaired(gram, down, neurons.Count, outputs, kept));
            return new FormEdit(form.Revisions, form.Nodes);
        });
    }

    private static RefusedException Refused(UnitBench unit, string why, Sites sites) => new(
        "MKA081",
        $"unit {unit.Model.Map.Blocks[unit.Place].Name}",
        $"{why} (its matrices: {string.Join(", ", sites.Found.Select(s => s.Name))})",
        "Cut a model of the same form as the recipe was made for");
}
