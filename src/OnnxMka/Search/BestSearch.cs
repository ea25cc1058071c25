using System.Collections.Immutable;
using System.Diagnostics;
using OnnxMka.Compensation;
using OnnxMka.Jobs;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Selection;

namespace OnnxMka.Search;

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
    private readonly List<(SearchTrial Trial, Loss Loss, Reduction Result)> _trials = [];
    private readonly Dictionary<string, Loss> _quick = new(StringComparer.Ordinal);
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private bool _outOfTime;
    private double _longestQuick;

    private BestSearch(CalibratedModel model, PlanOptions options, string fingerprint, CompressionOptions all, IProgressSink progress, CancellationToken ct)
    {
        _model = model;
        _options = options;
        _fingerprint = fingerprint;
        _all = all;
        _progress = progress;
        _ct = ct;
    }

    /// <summary>At least one trial is made whatever the budget. Refuses (MKA033) where none has a finite loss.</summary>
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

    private (SearchTrial Trial, Loss Loss, Reduction Result) Best => Losses.Least(_trials, t => t.Loss, t => Names(t.Trial.Removed));

    /// <summary>The sets of all selections compared by quick refits; the best of them is refitted in full.</summary>
    private void TrySelections()
    {
        var sets = new List<(SelectionKind Kind, SelectionReport Selection, Loss Loss)>();
        foreach (var kind in Selections.Where(_ => sets.Count == 0 || HasTimeFor(_longestQuick)))
        {
            if (Selected(kind) is not { } selection) break;
            sets.Add((kind, selection, QuickLoss(selection.Blocks)));
        }

        var best = Losses.Least(sets, s => s.Loss, s => Names(s.Selection.Blocks));
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
        var (set, least) = (start, QuickLoss(start));
        for (var improved = true; improved;)
        {
            improved = false;
            foreach (var other in Exchanges(set).Where(o => !_quick.ContainsKey(string.Join(',', o))))
            {
                if (!HasTimeFor(_longestQuick + LastTrials(PerWindow))) break;
                var loss = QuickLoss(other);
                if (loss >= least) continue;
                (set, least, improved) = (other, loss, true);
                break;
            }
        }

        if (!set.SequenceEqual(start)) Try(null, null, set, CompensationKind.Refit);
    }

    /// <summary>Each set of blocks is refitted quickly once, whoever asks.</summary>
    private Loss QuickLoss(ImmutableArray<int> blocks)
    {
        var key = string.Join(',', blocks);
        if (_quick.TryGetValue(key, out var known)) return known;
        var started = _clock.Elapsed;
        var (plan, rewritten) = Dropped(blocks);
        var loss = _model.QuickLoss(rewritten, plan, _all.Compensate with { Kind = CompensationKind.Refit });
        _longestQuick = Math.Max(_longestQuick, (_clock.Elapsed - started).TotalSeconds);
        return _quick[key] = loss;
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
        var loss = _model.JudgedLoss(model);
        var trial = best.Trial with
        {
            HeldOutPerplexity = loss.Perplexity,
            Seconds = Math.Round((_clock.Elapsed - started).TotalSeconds, 1),
            Windows = _model.FitWindows.Ample,
            Passes = passes,
        };
        Add(trial, loss, best.Result with { Model = model, Compensation = report });
    }

    /// <summary>Seconds of what follows the exchanges: a full refit, the other corrections (each at most as long, most far shorter), more text.</summary>
    private double LastTrials(double perWindow) => perWindow * ((2 * _model.FitWindows.Usual) + (LastPasses * _model.FitWindows.Ample));

    private double PerWindow => Best.Trial.Seconds / _model.FitWindows.Usual;

    private (MergePlan Plan, RewrittenModel Model) Dropped(ImmutableArray<int> blocks)
    {
        var plan = MergePlanner.Plan(_model.Map, null, _options with { Named = blocks, Count = 0 }, _fingerprint);
        return (plan, ModelRewriter.Apply(_model.Map, plan, _all.Output.KeepNames));
    }

    private void Try(SelectionKind? kind, SelectionReport? selection, ImmutableArray<int> blocks, CompensationKind compensation)
    {
        if (_seen.Contains($"{compensation} {string.Join(',', blocks)}") || !HasTime()) return;
        _seen.Add($"{compensation} {string.Join(',', blocks)}");
        var (trial, loss, result) = Attempt(kind, selection, blocks, compensation);
        Add(trial, loss, result);
    }

    /// <summary>The models of worse trials go: only their figures are kept.</summary>
    private void Add(SearchTrial trial, Loss loss, Reduction result)
    {
        var isBest = !_trials.Exists(t => t.Loss <= loss);
        for (var i = 0; isBest && i < _trials.Count; i++)
        {
            if (_trials[i].Result is not { } former) continue;
            _model.Release(former.Model);
            _trials[i] = _trials[i] with { Result = null! };
        }

        if (!isBest) _model.Release(result.Model);
        _trials.Add((trial, loss, isBest ? result : null!));
        _progress.Note($"{Name(trial)}: {Said(trial)} on held-out calibration text");
    }

    private static string Said(SearchTrial trial) => trial.HeldOutPerplexity is { } perplexity ? FormattableString.Invariant($"perplexity {perplexity:0.00}") : "no finite perplexity";

    private IEnumerable<string> Names(ImmutableArray<int> blocks) => blocks.Select(b => _model.Map.Blocks[b].Name);

    private (SearchTrial Trial, Loss Loss, Reduction Result) Attempt(SelectionKind? kind, SelectionReport? selection, ImmutableArray<int> blocks, CompensationKind compensation)
    {
        var started = _clock.Elapsed;
        var (plan, rewritten) = Dropped(blocks);
        var (model, report) = _model.Compensate(rewritten, plan, _all.Compensate with { Kind = compensation });
        var loss = plan.Removed.Any() ? _model.JudgedLoss(model) : Loss.Of(double.NaN);
        var trial = new SearchTrial(kind, compensation, blocks, loss.Perplexity, Math.Round((_clock.Elapsed - started).TotalSeconds, 1)) { Windows = compensation == CompensationKind.None ? 0 : _model.FitWindows.Usual };
        return (trial, loss, new Reduction(plan, model, null, selection, report, null));
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
        var next = _trials.Where((_, i) => i != chosen).OrderBy(t => t.Loss).FirstOrDefault();
        var why = $"{Name(best.Trial)} has the lowest perplexity on held-out calibration text, {best.Trial.HeldOutPerplexity:0.00}"
            + (next.Trial is { } second ? $"; the next is {Name(second)} with {Said(second)}" : "")
            + (_quick.Count > 0 ? $"; {_quick.Count} sets of blocks were compared by quick refits" : "");
        return best.Result with { Search = new SearchReport([.. _trials.Select(t => t.Trial)], chosen, !_outOfTime, why) };
    }

    private static string Name(SearchTrial trial) =>
        $"{(trial.Selection is { } kind ? SelectionNames.Of(kind) : "exchange")}, drop {string.Join(',', trial.Removed)}, {trial.Compensation.ToString().ToLowerInvariant()}{(trial.Windows > 0 ? $" to {trial.Windows} windows" : "")}{(trial.Passes > 1 ? $", {trial.Passes} passes" : "")}";
}
