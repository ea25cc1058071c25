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
public sealed record SearchTrial(SelectionKind? Selection, CompensationKind Compensation, ImmutableArray<int> Removed, double HeldOutPerplexity, double Seconds);

/// <summary>What was tried, in order, and which one was taken.</summary>
/// <param name="Complete">False where the budget ended the search: with another budget, or on another machine, the result may differ.</param>
public sealed record SearchReport(ImmutableArray<SearchTrial> Trials, int Chosen, bool Complete, string Why);

/// <summary>
/// The best of several ways to remove blocks, measured on held-out calibration text:
/// <list type="number">
/// <item>the blocks of each selection, dropped, with the weights refitted to the original seams;</item>
/// <item>the best of these sets with the other compensations;</item>
/// <item>exchanges of one removed block of the best set for one of its kept neighbours in number, refitted, while that helps.</item>
/// </list>
/// Merging is not among them: a refit from averaged weights is worse than one from the kept block's own.
/// </summary>
internal sealed class BestSearch
{
    private static readonly SelectionKind[] Selections = [SelectionKind.Bi, SelectionKind.GreedyLoss, SelectionKind.Angular, SelectionKind.Cka];
    private static readonly CompensationKind[] Others = [CompensationKind.Fold, CompensationKind.Linear, CompensationKind.Hadamard, CompensationKind.Scale, CompensationKind.None];

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
        foreach (var kind in Others) search.Try(search.Best.Trial.Selection, search.Best.Result.Selection, search.Best.Trial.Removed, kind);
        if (drop.Named.IsDefaultOrEmpty) search.Exchange();
        return search.Finish();
    }

    private (SearchTrial Trial, Reduction Result) Best => _trials.MinBy(t => t.Trial.HeldOutPerplexity);

    private void TrySelections()
    {
        foreach (var kind in Selections.Where(_ => HasTime()))
        {
            var selection = _model.Select(kind, _options, _fingerprint);
            Try(kind, selection, selection.Blocks, CompensationKind.Refit);
        }
    }

    /// <summary>First improvement, from the first removed block to the last, until a round brings none.</summary>
    private void Exchange()
    {
        for (var improved = true; improved && !_outOfTime;)
        {
            improved = false;
            foreach (var set in Neighbours(Best.Trial.Removed).ToArray())
            {
                var before = Best.Trial.HeldOutPerplexity;
                Try(null, null, set, CompensationKind.Refit);
                if (!(Best.Trial.HeldOutPerplexity < before)) continue;
                improved = true;
                break;
            }
        }
    }

    private IEnumerable<ImmutableArray<int>> Neighbours(ImmutableArray<int> removed)
    {
        foreach (var block in removed)
        {
            foreach (var other in new[] { block - 1, block + 1 })
            {
                if (other < Math.Max(_options.ProtectFirst, 1) || other >= _model.Map.Count - _options.ProtectLast || removed.Contains(other)) continue;
                yield return [.. removed.Remove(block).Add(other).Order()];
            }
        }
    }

    private void Try(SelectionKind? kind, SelectionReport? selection, ImmutableArray<int> blocks, CompensationKind compensation)
    {
        if (!_seen.Add($"{compensation} {string.Join(',', blocks)}") || !HasTime()) return;
        var trial = Attempt(kind, selection, blocks, compensation);
        // The models of worse trials go: only their figures are kept.
        if (_trials.Count > 0 && trial.Trial.HeldOutPerplexity >= Best.Trial.HeldOutPerplexity) _trials.Add((trial.Trial, null!));
        else _trials.Add(trial);
        _progress.Note($"{Name(trial.Trial)}: perplexity {trial.Trial.HeldOutPerplexity:0.00} on held-out calibration text");
    }

    private (SearchTrial Trial, Reduction Result) Attempt(SelectionKind? kind, SelectionReport? selection, ImmutableArray<int> blocks, CompensationKind compensation)
    {
        var started = _clock.Elapsed;
        var plan = MergePlanner.Plan(_model.Map, null, _options with { Named = blocks, Count = 0 }, _fingerprint);
        var rewritten = ModelRewriter.Apply(_model.Map, plan, _all.KeepNames);
        var (model, report) = _model.Compensate(rewritten, plan, _all.Compensate with { Kind = compensation });
        var perplexity = plan.Removed.Any() ? Math.Exp(_model.HeldOutLoss(model)) : double.NaN;
        var trial = new SearchTrial(kind, compensation, blocks, perplexity, Math.Round((_clock.Elapsed - started).TotalSeconds, 1));
        return (trial, new Reduction(plan, model, null, selection, report, null));
    }

    /// <summary>True where another trial as long as the longest so far ends within the budget.</summary>
    private bool HasTime()
    {
        _ct.ThrowIfCancellationRequested();
        var longest = _trials.Count > 0 ? _trials.Max(t => t.Trial.Seconds) : 0;
        if (_trials.Count > 0 && _clock.Elapsed.TotalSeconds + longest > _all.Budget.TotalSeconds) _outOfTime = true;
        return !_outOfTime;
    }

    private Reduction Finish()
    {
        var best = Best;
        var chosen = _trials.FindIndex(t => t.Trial == best.Trial);
        var next = _trials.Where((_, i) => i != chosen).OrderBy(t => t.Trial.HeldOutPerplexity).FirstOrDefault();
        var why = $"{Name(best.Trial)} has the lowest perplexity on held-out calibration text, {best.Trial.HeldOutPerplexity:0.00}"
            + (next.Trial is { } second ? $"; the next is {Name(second)} with {second.HeldOutPerplexity:0.00}" : "");
        return best.Result with { Search = new SearchReport([.. _trials.Select(t => t.Trial)], chosen, !_outOfTime, why) };
    }

    private static string Name(SearchTrial trial) =>
        $"{(trial.Selection is { } kind ? SelectionNames.Of(kind) : "exchange")}, drop {string.Join(',', trial.Removed)}, {trial.Compensation.ToString().ToLowerInvariant()}";
}
