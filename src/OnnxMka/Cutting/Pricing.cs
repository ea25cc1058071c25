using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Numerics;
using OnnxMka.Running.Parts;
using OnnxMka.Structure;

namespace OnnxMka.Cutting;

/// <summary>
/// Prices of everything that the units of a model can lose, in one unit: the share of the stream's energy behind the layer that the cut
/// puts wrong.
/// <code>
/// matrix to rank r     d tail(r) / tail(r30)      d = |y' - y|^2 / |y|^2 with that one matrix cut to r30, the rank of 30 % of it,
///                                                 at least a tenth of the median of all; tail(r) = share of the energy x W beyond r
/// MLP to width k       1.5 E_k / |y|^2            E_k: removal one at a time, the others taking over (<see cref="NeuronRemoval"/>);
///                                                 behind a norm 1.5 d E_k / E_k30, with d measured at 30 % of its width
/// half left out        |y' - y|^2 / |y|^2         the rest of the layer runs on what stood before it
/// </code>
/// All on the original seams: nothing is compared by a loss. What a sum of prices lacks is what widths are dearer by (1.5, measured).
/// </summary>
internal sealed class Pricing
{
    private const int Step = 8; // of ranks and widths
    private const int Windows = 16; // that are run for a comparison
    private const int ProofWindows = 2;
    private const double ProbeShare = 0.3;
    private const double LeastShare = 0.1; // of the median
    private const double WidthFactor = 1.5;

    private readonly CompensatedModel _model;
    private readonly BlockChain _chain;
    private readonly SplitSeams _seams;
    private readonly CancellationToken _ct;
    private readonly List<PricedUnit> _units = [];

    private Pricing(CompensatedModel model, BlockChain chain, SplitSeams seams, CancellationToken ct)
    {
        _model = model;
        _chain = chain;
        _seams = seams;
        _ct = ct;
    }

    /// <summary>Of every unit, in order. Progress counts units.</summary>
    /// <param name="map">The model that the seams are of.</param>
    public static ImmutableArray<UnitPrices> Of(
        BlockMap map, BlockChain chain, SplitSeams seams, IProgress<int>? progress, CancellationToken ct)
    {
        using var scratch = new ScratchFile();
        var pricing = new Pricing(new CompensatedModel(map, scratch), chain, seams, ct);
        foreach (var layer in map.Blocks.GroupBy(b => b.Layer))
        {
            var units = layer.Select(b => b.Index).ToArray();
            foreach (var unit in units)
            {
                pricing._units.Add(pricing.Price(unit, units[0], units[^1]));
                progress?.Report(1);
            }
        }

        var costs = pricing._units.SelectMany(u => u.Sites).Select(s => s.Cost).Where(double.IsFinite).Order().ToArray();
        var least = costs.Length > 0 ? LeastShare * costs[costs.Length / 2] : 0;
        return [.. pricing._units.Select(u => u.Priced(least))];
    }

    private PricedUnit Price(int unit, int first, int last)
    {
        GC.Collect(); // the sums of the unit before may be gigabytes
        var sites = Sites.Of(_model.Map, _model.View, _model.Map.Blocks[unit]);
        var (fit, goal) = (_seams.Fit[unit - 1], _seams.Fit[last].Head(Windows));
        var (neurons, obstacle) = Neurons.Of(_model, unit, _chain, fit.Head(ProofWindows), _ct);
        var ranked = sites.Found.Where(s => neurons?.Has(s) != true && RankOf(s, ProbeShare) >= Step).ToArray();
        var sums = Sums(unit, [.. ranked.Select(s => s.Input), .. neurons is null ? [] : new[] { neurons.Features }]);
        using var rest = new LayerRest(_model, _chain, unit, last, _seams.Fit[unit - 1].Head(Windows), goal, _ct);

        var priced = new List<PricedSite>();
        foreach (var site in ranked)
        {
            var gram = sums[site.Input];
            var weight = Weights.Of(_model, site);
            var rank = RankOf(site, ProbeShare);
            var cuts = Truncation.Under(gram, weight, site.Inputs, site.Outputs, MostRank(site));
            var cost = rest.ErrorWith(_model.With(Weights.Paired(_model.Map, site, cuts.Pair(rank), rank), new()).Model);
            priced.Add(new PricedSite(site, cuts.Energies, rank, cost));
        }

        var removal = neurons is null
            ? null
            : NeuronRemoval.Of(sums[neurons.Features], neurons.DownWeight(), neurons.Count, neurons.Down.Outputs);
        var layer = LayerRest.Difference(_seams.Fit[first - 1].Head(Windows), goal);
        var others = sites.Others;
        if (obstacle is not null && _model.Map.Blocks[unit].Half is not Halves.Attention)
            others = others.Add(new NoSite("MLP widths", 0, obstacle));
        var loss = removal is null ? 0 : LossPrice(unit, neurons!, removal, sums[neurons!.Features], Energy(_seams.Fit[last]), rest);
        return new PricedUnit(unit, sites, others, [.. priced], neurons, removal, loss, rest.ErrorWithout(), layer);
    }

    /// <summary>
    /// Price of what the down projection loses, a unit of it. Where its product goes to the stream as it is, or times a number, that is
    /// known; else (a norm stands behind it) it is measured at the width that a probed rank would have.
    /// </summary>
    private double LossPrice(int unit, Neurons neurons, NeuronRemoval removal, double[] gram, double energy, LayerRest rest)
    {
        if (_model.Writers(unit).Writers.FirstOrDefault(w => w.Weight == neurons.Down.Parameter) is { } writer)
            return energy > 0 ? writer.Scale * writer.Scale / energy : double.NaN;
        var width = Math.Max((int)Math.Round(ProbeShare * neurons.Count / Step) * Step, 1);
        if (!(removal.Loss(width) > 0)) return 0;
        var kept = removal.Kept(width);
        var form = neurons.Keeping(kept, NeuronRemoval.Repaired(gram, neurons.DownWeight(), neurons.Count, neurons.Down.Outputs, kept));
        return rest.ErrorWith(_model.With(form.Revisions, form.Nodes).Model) / removal.Loss(width);
    }

    /// <summary>Sums x'x of values inside a unit, over all that is fitted to.</summary>
    private Dictionary<string, double[]> Sums(int unit, string[] values)
    {
        string[] taps = [.. values.Distinct(StringComparer.Ordinal)];
        if (taps.Length == 0) return [];
        var sums = new NormalEquations?[taps.Length];
        using var part = _chain.Open(_model.Part(_model.Model, unit).Tapping(taps), _seams.Fit[unit - 1], _ct);
        part.Observe(
            _seams.Fit[unit - 1],
            (_, count, found) =>
            {
                for (var i = 0; i < taps.Length; i++)
                {
                    var width = found[i + 1].Length / (count * _seams.Fit.Set.Length);
                    (sums[i] ??= new NormalEquations(width, 0)).Add(found[i + 1], []);
                }
            },
            _ct);
        return Enumerable.Range(0, taps.Length).ToDictionary(i => taps[i], i => sums[i]!.TakeGram(false), StringComparer.Ordinal);
    }

    private static double Energy(SeamActivations seam)
    {
        var row = new float[seam.Set.Length * seam.Width];
        double sum = 0;
        for (var i = 0; i < seam.Set.Count; i++)
        {
            seam.ReadFloats(i, row);
            foreach (var value in row) sum += (double)value * value;
        }

        return sum;
    }

    /// <summary>The rank with that share of the elements, a multiple of the step; 0 where none is worth writing.</summary>
    private static int RankOf(Site site, double share)
    {
        var rank = (int)Math.Round(share * site.Elements / (site.Inputs + site.Outputs) / Step) * Step;
        return Math.Max(rank, Step) * (long)(site.Inputs + site.Outputs) < site.Elements ? Math.Max(rank, Step) : 0;
    }

    /// <summary>The largest rank that is worth writing.</summary>
    private static int MostRank(Site site) =>
        (int)Math.Min(site.Rank, (site.Elements - 1) / (site.Inputs + site.Outputs));

    /// <summary>A site and what cutting it costs.</summary>
    private sealed record PricedSite(Site Site, ImmutableArray<double> Energies, int Probe, double Cost);

    private sealed record PricedUnit(
        int Place,
        Sites All,
        ImmutableArray<NoSite> Others,
        ImmutableArray<PricedSite> Sites,
        Neurons? Neurons,
        NeuronRemoval? Removal,
        double LossPrice,
        double Gone,
        double LayerGone)
    {
        public UnitPrices Priced(double least)
        {
            var choices = Sites.Where(s => double.IsFinite(s.Cost)).Select(s => Ranks(s, Math.Max(s.Cost, least))).ToList();
            if (Neurons is not null && double.IsFinite(LossPrice)) choices.Add(Widths());
            var cut = choices.Sum(c => c.Offers[0].Parameters);
            return new UnitPrices(Place, [.. choices], Finite(Gone), Finite(LayerGone), All.Elements - cut, Others);
        }

        private static double? Finite(double price) => double.IsFinite(price) ? price : null;

        private static Choice Ranks(PricedSite priced, double cost)
        {
            var (site, tails) = (priced.Site, new double[priced.Energies.Length + 1]);
            for (var r = priced.Energies.Length - 1; r >= 0; r--) tails[r] = tails[r + 1] + priced.Energies[r];
            var offers = ImmutableArray.CreateBuilder<Offer>();
            offers.Add(new Offer(site.Rank, site.Elements, 0));
            for (var rank = Step; (long)rank * (site.Inputs + site.Outputs) < site.Elements; rank += Step)
            {
                var price = tails[priced.Probe] > 0 ? cost * tails[rank] / tails[priced.Probe] : tails[rank] > 0 ? cost : 0;
                offers.Add(new Offer(rank, (long)rank * (site.Inputs + site.Outputs), price));
            }

            return new Choice(site.Name, offers.ToImmutable());
        }

        private Choice Widths()
        {
            var offers = ImmutableArray.CreateBuilder<Offer>();
            offers.Add(new Offer(Neurons!.Count, Neurons.Count * Neurons.Elements, 0));
            for (var width = (Neurons.Count - 1) / Step * Step; width >= Step; width -= Step)
                offers.Add(new Offer(width, width * Neurons.Elements, WidthFactor * Removal!.Loss(width) * LossPrice));
            return new Choice(Choice.Width, offers.ToImmutable());
        }
    }
}
