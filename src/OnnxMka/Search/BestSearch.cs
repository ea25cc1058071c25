using System.Collections.Immutable;
using System.Diagnostics;
using OnnxMka.Compensation;
using OnnxMka.Matching;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Scoring;
using OnnxMka.Selection;

namespace OnnxMka.Search;

/// <summary>A smaller model and how it came about.</summary>
internal sealed record Reduction(
    MergePlan Plan, RewrittenModel Model, Analysis? Analysis, SelectionReport? Selection, CompensationReport? Compensation, SearchReport? Search)
{
    /// <summary>Null where averages were taken as planned.</summary>
    public MergeReport? Merging { get; init; }
}

/// <summary>One way that was tried.</summary>
/// <param name="Selection">How its blocks were chosen; null for an exchange of one block of the best so far.</param>
/// <param name="Removed">Original numbers.</param>
/// <param name="HeldOutPerplexity">On calibration windows that nothing was fitted to.</param>
public sealed record SearchTrial(SelectionKind? Selection, CompensationKind Compensation, ImmutableArray<int> Removed, double HeldOutPerplexity, double Seconds)
{
    /// <summary>Calibration windows that the correction was fitted to; 0 where it is fitted to none.</summary>
    public int Windows { get; init; }

    /// <summary>How often a refit went over the weights of each block.</summary>
    public int Passes { get; init; } = 1;
}

/// <summary>What was tried, in order, and which one was taken.</summary>
/// <param name="Complete">False where the budget ended the search: with another budget, or on another machine, the result may differ.</param>
public sealed record SearchReport(ImmutableArray<SearchTrial> Trials, int Chosen, bool Complete, string Why);

/// <summary>
/// The best of several ways to remove blocks, measured on held-out calibration text:
/// <list type="number">
/// <item>the blocks of each selection, dropped, compared by refits (to the original seams) to few windows; the best set is refitted in full;</item>
/// <item>exchanges of one removed block of it for a kept one, compared in the same way, while that helps; the last set is refitted in full;</item>
/// <item>the better of these sets with the other corrections;</item>
/// <item>the best of all with its correction fitted to four times as many windows, a refit in several passes.</item>
/// </list>
/// Merging is not among them: a refit from averaged weights is worse than one from the kept block's own.
/// </summary>
internal sealed class BestSearch
{
    /// <summary>The slowest comes last.</summary>
    private static readonly SelectionKind[] Selections = [SelectionKind.Bi, SelectionKind.Angular, SelectionKind.Cka, SelectionKind.GreedyLoss];
    private static readonly CompensationKind[] Others = [CompensationKind.Fold, CompensationKind.Linear, CompensationKind.Hadamard, CompensationKind.Scale, CompensationKind.None];

    /// <summary>Passes of the last refit, as many as the budget has time for: at 8 of 16 blocks of the fixture one gives 48.65, two 48.18, four 47.99.</summary>
    private static readonly int[] Passes = [4, 2, 1];

    /// <summary>Passes that time is kept for.</summary>
    private const int LastPasses = 2;

    private readonly CalibratedModel _model;
    private readonly PlanOptions _options;
    private readonly string _fingerprint;
    private readonly CompressionOptions _all;
    private readonly IProgressSink _progress;
    private readonly CancellationToken _ct;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly List<(SearchTrial Trial, Reduction Result)> _trials = [];
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private bool _outOfTime;
    private double _longestQuick;
    private int _compared;

    private BestSearch(CalibratedModel model, PlanOptions options, string fingerprint, CompressionOptions all, IProgressSink progress, CancellationToken ct)
    {
        _model = model;
        _options = options;
        _fingerprint = fingerprint;
        _all = all;
        _progress = progress;
        _ct = ct;
    }

    /// <summary>At least one trial is made whatever the budget.</summary>
    public static Reduction Run(CalibratedModel model, PlanOptions options, string fingerprint, CompressionOptions all, IProgressSink progress, CancellationToken ct)
    {
        var drop = options with { Method = Method.Drop };
        MergePlanner.CheckRoom(model.Map, drop);
        var search = new BestSearch(model, drop, fingerprint, all, progress, ct);
        if (drop.Count == 0 && drop.Named.IsDefaultOrEmpty) return search.Attempt(null, null, [], CompensationKind.None).Result;
        if (drop.Named.IsDefaultOrEmpty) search.TrySelections();
        else search.Try(null, null, drop.Named, CompensationKind.Refit);
        if (drop.Named.IsDefaultOrEmpty) search.Exchange();
        foreach (var kind in Others) search.Try(search.Best.Trial.Selection, search.Best.Result.Selection, search.Best.Trial.Removed, kind);
        search.FitAmply();
        return search.Finish();
    }

    private (SearchTrial Trial, Reduction Result) Best => _trials.MinBy(t => t.Trial.HeldOutPerplexity);

    /// <summary>The sets of all selections compared by quick refits; the best of them is refitted in full.</summary>
    private void TrySelections()
    {
        var sets = new List<(SelectionKind Kind, SelectionReport Selection, double Perplexity)>();
        foreach (var kind in Selections.Where(_ => sets.Count == 0 || HasTimeFor(_longestQuick)))
        {
            if (Selected(kind) is not { } selection) break;
            var same = sets.Where(s => s.Selection.Blocks.SequenceEqual(selection.Blocks)).Select(s => (double?)s.Perplexity).FirstOrDefault();
            sets.Add((kind, selection, same ?? QuickPerplexity(selection.Blocks)));
        }

        var best = sets.MinBy(s => s.Perplexity);
        Try(best.Kind, best.Selection, best.Selection.Blocks, CompensationKind.Refit);
    }

    /// <summary>Null where the budget ends before the selection, what is to follow included.</summary>
    private SelectionReport? Selected(SelectionKind kind)
    {
        if (kind != SelectionKind.GreedyLoss) return _model.Select(kind, _options, _fingerprint);
        var left = _all.Budget - _clock.Elapsed - TimeSpan.FromSeconds(_longestQuick + LastTrials(_longestQuick / _model.FitWindows.Few));
        using var end = CancellationTokenSource.CreateLinkedTokenSource(_ct);
        end.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        try
        {
            return _model.Select(kind, _options, _fingerprint, until: end.Token);
        }
        catch (OperationCanceledException) when (!_ct.IsCancellationRequested)
        {
            _outOfTime = true;
            _progress.Note($"{SelectionNames.Of(kind)} was left out: the budget ends before it");
            return null;
        }
    }

    /// <summary>First improvement: neighbours in number first, then all others. Time for the last trials is kept.</summary>
    private void Exchange()
    {
        var start = Best.Trial.Removed;
        if (!HasTimeFor(_longestQuick + LastTrials(PerWindow))) return;
        var (set, least) = (start, QuickPerplexity(start));
        for (var improved = true; improved;)
        {
            improved = false;
            foreach (var other in Exchanges(set).Where(o => _seen.Add($"quick {string.Join(',', o)}")))
            {
                if (!HasTimeFor(_longestQuick + LastTrials(PerWindow))) break;
                var perplexity = QuickPerplexity(other);
                if (!(perplexity < least)) continue;
                (set, least, improved) = (other, perplexity, true);
                break;
            }
        }

        if (!set.SequenceEqual(start)) Try(null, null, set, CompensationKind.Refit);
    }

    private double QuickPerplexity(ImmutableArray<int> blocks)
    {
        var started = _clock.Elapsed;
        var (plan, rewritten) = Dropped(blocks);
        var perplexity = Math.Exp(_model.QuickLoss(rewritten, plan, _all.Compensate with { Kind = CompensationKind.Refit }));
        _longestQuick = Math.Max(_longestQuick, (_clock.Elapsed - started).TotalSeconds);
        _compared++;
        return perplexity;
    }

    private IEnumerable<ImmutableArray<int>> Exchanges(ImmutableArray<int> removed)
    {
        var (first, end) = (Math.Max(_options.ProtectFirst, 1), _model.Map.Count - _options.ProtectLast);
        return from block in removed
               from other in Enumerable.Range(first, Math.Max(end - first, 0))
               where !removed.Contains(other)
               orderby Math.Abs(block - other)
               select removed.Remove(block).Add(other).Sort();
    }

    /// <summary>The correction of the best trial from more text, where it is one that is fitted to text.</summary>
    private void FitAmply()
    {
        var best = Best;
        if (best.Trial.Compensation == CompensationKind.None) return;
        int[] ways = best.Trial.Compensation == CompensationKind.Refit ? Passes : [1];
        if (ways.FirstOrDefault(p => HasTimeFor(PerWindow * p * _model.FitWindows.Ample)) is not (> 0 and var passes)) return;
        var started = _clock.Elapsed;
        var (plan, rewritten) = Dropped(best.Trial.Removed);
        var (model, report) = _model.CompensateAmply(rewritten, plan, _all.Compensate with { Kind = best.Trial.Compensation, Passes = passes });
        var trial = best.Trial with
        {
            HeldOutPerplexity = Math.Exp(_model.JudgedLoss(model)),
            Seconds = Math.Round((_clock.Elapsed - started).TotalSeconds, 1),
            Windows = _model.FitWindows.Ample,
            Passes = passes,
        };
        Add(trial, best.Result with { Model = model, Compensation = report });
    }

    /// <summary>Seconds of what follows the exchanges: a full refit, the other corrections (each at most as long, most far shorter), more text.</summary>
    private double LastTrials(double perWindow) => perWindow * ((2 * _model.FitWindows.Usual) + (LastPasses * _model.FitWindows.Ample));

    private double PerWindow => Best.Trial.Seconds / _model.FitWindows.Usual;

    private (MergePlan Plan, RewrittenModel Model) Dropped(ImmutableArray<int> blocks)
    {
        var plan = MergePlanner.Plan(_model.Map, null, _options with { Named = blocks, Count = 0 }, _fingerprint);
        return (plan, ModelRewriter.Apply(_model.Map, plan, _all.KeepNames));
    }

    private void Try(SelectionKind? kind, SelectionReport? selection, ImmutableArray<int> blocks, CompensationKind compensation)
    {
        if (_seen.Contains($"{compensation} {string.Join(',', blocks)}") || !HasTime()) return;
        _seen.Add($"{compensation} {string.Join(',', blocks)}");
        var trial = Attempt(kind, selection, blocks, compensation);
        Add(trial.Trial, trial.Result);
    }

    /// <summary>The models of worse trials go: only their figures are kept.</summary>
    private void Add(SearchTrial trial, Reduction result)
    {
        _trials.Add(_trials.Count > 0 && trial.HeldOutPerplexity >= Best.Trial.HeldOutPerplexity ? (trial, null!) : (trial, result));
        _progress.Note($"{Name(trial)}: perplexity {trial.HeldOutPerplexity:0.00} on held-out calibration text");
    }

    private (SearchTrial Trial, Reduction Result) Attempt(SelectionKind? kind, SelectionReport? selection, ImmutableArray<int> blocks, CompensationKind compensation)
    {
        var started = _clock.Elapsed;
        var (plan, rewritten) = Dropped(blocks);
        var (model, report) = _model.Compensate(rewritten, plan, _all.Compensate with { Kind = compensation });
        var perplexity = plan.Removed.Any() ? Math.Exp(_model.JudgedLoss(model)) : double.NaN;
        var trial = new SearchTrial(kind, compensation, blocks, perplexity, Math.Round((_clock.Elapsed - started).TotalSeconds, 1)) { Windows = compensation == CompensationKind.None ? 0 : _model.FitWindows.Usual };
        return (trial, new Reduction(plan, model, null, selection, report, null));
    }

    /// <summary>True where another trial as long as the longest so far ends within the budget.</summary>
    private bool HasTime() => _trials.Count == 0 || HasTimeFor(_trials.Max(t => t.Trial.Seconds));

    private bool HasTimeFor(double seconds)
    {
        _ct.ThrowIfCancellationRequested();
        var fits = _clock.Elapsed.TotalSeconds + seconds <= _all.Budget.TotalSeconds;
        _outOfTime |= !fits;
        return fits;
    }

    private Reduction Finish()
    {
        var best = Best;
        var chosen = _trials.FindIndex(t => t.Trial == best.Trial);
        var next = _trials.Where((_, i) => i != chosen).OrderBy(t => t.Trial.HeldOutPerplexity).FirstOrDefault();
        var why = $"{Name(best.Trial)} has the lowest perplexity on held-out calibration text, {best.Trial.HeldOutPerplexity:0.00}"
            + (next.Trial is { } second ? $"; the next is {Name(second)} with {second.HeldOutPerplexity:0.00}" : "")
            + (_compared > 0 ? $"; {_compared} sets of blocks were compared by quick refits" : "");
        return best.Result with { Search = new SearchReport([.. _trials.Select(t => t.Trial)], chosen, !_outOfTime, why) };
    }

    private static string Name(SearchTrial trial) =>
        $"{(trial.Selection is { } kind ? SelectionNames.Of(kind) : "exchange")}, drop {string.Join(',', trial.Removed)}, {trial.Compensation.ToString().ToLowerInvariant()}{(trial.Windows > 0 ? $" to {trial.Windows} windows" : "")}{(trial.Passes > 1 ? $", {trial.Passes} passes" : "")}";
}
