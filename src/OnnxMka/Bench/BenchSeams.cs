using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Outcomes;

namespace OnnxMka.Bench;

/// <summary>The original seams of a job, made when first asked for.</summary>
/// <param name="ahead">The steps that lie ahead, for estimates.</param>
internal sealed class BenchSeams(Workbench bench, BenchText text, ImmutableArray<Step> ahead) : IDisposable
{
    private readonly Dictionary<TextAmount, SplitSeams> _known = [];

    /// <summary>Of the input. Those of more than the usual amount end with the call.</summary>
    public T With<T>(TextAmount amount, Func<SplitSeams, T> work)
    {
        if (amount == TextAmount.Ample)
        {
            using var ample = Of(bench.Input, text.Of(amount));
            return work(ample);
        }

        if (!_known.TryGetValue(amount, out var seams)) _known[amount] = seams = Of(bench.Input, text.Of(amount));
        return work(seams);
    }

    /// <summary>Of a state, over the usual text; they end with the call.</summary>
    public T WithThoseOf<T>(ModelState state, Func<SplitSeams, T> work)
    {
        using var seams = Of(state, text.Of(TextAmount.Usual));
        return work(seams);
    }

    public void Dispose()
    {
        foreach (var seams in _known.Values) seams.Dispose();
        _known.Clear();
    }

    private SplitSeams Of(ModelState state, CalibrationSplit split)
    {
        var map = state.Structure;
        bench.Outlook.BeforeSeams(map, split, bench.Kinds.Ahead(ahead, map, split));
        var total = (map.Count + 1L) * (split.Fit.Count + split.HeldOut!.Count);
        using var stage = bench.Progress.Begin("original seams", total, "samples");
        return SplitSeams.Of(bench.Chain(map), split, stage.AsIncrement<int>(), bench.Stop);
    }
}
