using System.Collections.Immutable;
using System.Diagnostics;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Selection;
using OnnxMka.Steps.Comparing;
using OnnxMka.Steps.Correcting;
using OnnxMka.Steps.Cutting;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Refitting;

namespace OnnxMka.Steps.Searching;

/// <summary>
/// The best of several ways to remove blocks, measured on held-out calibration text:
/// <list type="number">
/// <item>the blocks of each selection, dropped, compared by refits (to the original seams) to few windows; the best set is refitted in
/// full;</item>
/// <item>exchanges of one removed block of it for a kept one, compared in the same way, while that helps; the last set is refitted in
/// full;</item>
/// <item>the better of these sets with the other corrections;</item>
/// <item>the best of all with its correction fitted to four times as many windows, a refit in several passes;</item>
/// <item>a cut that takes as many parameters as those blocks have (<see cref="Cut"/>), unless the blocks are named.</item>
/// </list>
/// Merging is not among them: a refit from averaged weights is worse than one from the kept block's own.
/// </summary>
internal sealed class BestSearch
{
    /// <summary>The slowest comes last.</summary>
    private static readonly string[] Selections = ["bi", "angular", "cka", Greedy];

    private const string Greedy = "greedy-loss";

    /// <summary>
    /// Passes of the last refit, as many as the budget has time for: at 8 of 16 blocks of the fixture one gives 48.65, two 48.18, four
    /// 47.99.
    /// </summary>
    private static readonly int[] Passes = [4, 2, 1];

    /// <summary>A cut's prices and pass, in full refits of the same windows: with the fit of MLPs some four.</summary>
    private const int CutTrials = 4;

    /// <summary>Passes that time is kept for.</summary>
    private const int LastPasses = 2;

    private readonly Selectors _selectors;
    private readonly Best _step;
    private readonly PlanOptions _options;
    private readonly ModelState _state;
    private readonly Workbench _bench;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly List<(SearchTrial Trial, Loss Loss)> _trials = [];
    private readonly Dictionary<string, Loss> _quick = new(StringComparer.Ordinal);
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private Candidate? _best;
    private bool _outOfTime;
    private double _longestQuick;

    private BestSearch(Selectors selectors, Best step, PlanOptions options, ModelState state, Workbench bench)
    {
        _selectors = selectors;
        _step = step;
        _options = options;
        _state = state;
        _bench = bench;
    }

    /// <summary>
    /// The steps that lose least; the states that they give are held for whoever applies them. At least one trial is made whatever the
    /// budget. Refuses (MKA033) where none has a finite loss.
    /// </summary>
    /// <param name="options">The same as <paramref name="step"/>, in units of the state.</param>
    public static (ImmutableArray<Step> Steps, ImmutableArray<Section> Sections, SearchReport Report) Run(
        Selectors selectors, Best step, PlanOptions options, ModelState state, Workbench bench)
    {
        var search = new BestSearch(selectors, step, options, state, bench);
        if (options.Named.IsDefaultOrEmpty) search.TrySelections();
        else search.Try(null, [.. options.Named.Distinct().Order()], new Refit { Ridge = step.Ridge });
        if (options.Named.IsDefaultOrEmpty) search.Exchange();
        foreach (var correction in CorrectKind.All(step.Ridge, passes: 1).Skip(1))
            search.Try(search.Leader.Selection, search.Leader.Trial.Removed, correction);
        search.FitAmply();
        search.TryCut();
        return search.Finish();
    }

    /// <summary>Refuses where no trial so far has a finite loss.</summary>
    private Candidate Leader
    {
        get
        {
            Losses.Least(_trials, t => t.Loss, t => Names(t.Trial.Removed));
            return _best!;
        }
    }

    /// <summary>The sets of all selections compared by quick refits; the best of them is refitted in full.</summary>
    private void TrySelections()
    {
        var sets = new List<(SelectionReport Selection, Loss Loss)>();
        foreach (var name in Selections.Where(_ => sets.Count == 0 || HasTimeFor(_longestQuick)))
        {
            if (Selected(name) is not { } selection) break;
            sets.Add((selection, QuickLoss(selection.Blocks)));
        }

        var best = Losses.Least(sets, s => s.Loss, s => Names(s.Selection.Blocks));
        Try(best.Selection, best.Selection.Blocks, new Refit { Ridge = _step.Ridge });
    }

    /// <summary>Null where the budget ends before the selection, what is to follow included.</summary>
    private SelectionReport? Selected(string name)
    {
        if (name != Greedy) return Choosing.Choose(_selectors, name, _options, _state, _bench);
        var left = _step.Budget - _clock.Elapsed - TimeSpan.FromSeconds(
            _longestQuick + LastTrials(_longestQuick / _bench.Windows(TextAmount.Few)));
        using var end = CancellationTokenSource.CreateLinkedTokenSource(_bench.Stop);
        end.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        try
        {
            return Choosing.Choose(_selectors, name, _options, _state, _bench, until: end.Token);
        }
        catch (OperationCanceledException) when (!_bench.Stop.IsCancellationRequested)
        {
            _outOfTime = true;
            _bench.Progress.Note($"{name} was left out: the budget ends before it");
            return null;
        }
    }

    /// <summary>First improvement: neighbours in number first, then all others. Time for the last trials is kept.</summary>
    private void Exchange()
    {
        var start = Leader.Trial.Removed;
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

        if (!set.SequenceEqual(start)) Try(null, set, new Refit { Ridge = _step.Ridge });
    }

    /// <summary>Each set of blocks is refitted quickly once, whoever asks.</summary>
    private Loss QuickLoss(ImmutableArray<int> blocks)
    {
        var key = string.Join(',', blocks);
        if (_quick.TryGetValue(key, out var known)) return known;
        var trial = _bench.Try([Dropped(blocks), new Refit { Ridge = _step.Ridge, Text = TextAmount.Few }], _state, judged: true);
        _bench.Release(trial);
        _longestQuick = Math.Max(_longestQuick, trial.Seconds);
        return _quick[key] = trial.Loss;
    }

    private IEnumerable<ImmutableArray<int>> Exchanges(ImmutableArray<int> removed)
    {
        var (first, end) = (Math.Max(_options.ProtectFirst, 1), _state.Structure.Count - _options.ProtectLast);
        return from block in removed
               from other in Enumerable.Range(first, Math.Max(end - first, 0))
               where !removed.Contains(other)
               orderby Math.Abs(block - other)
               select removed.Remove(block).Add(other).Sort();
    }

    /// <summary>The correction of the best trial from more text, where it is one that is fitted to text.</summary>
    private void FitAmply()
    {
        var best = Leader;
        if (best.Correction is not { } correction) return;
        int[] ways = correction is Refit ? Passes : [1];
        if (ways.FirstOrDefault(p => HasTimeFor(PerWindow * p * _bench.Windows(TextAmount.Ample))) is not (> 0 and var passes)) return;
        var ample = correction with { Text = TextAmount.Ample };
        Add(best.Selection, best.Trial.Removed, ample is Refit refit ? refit with { Passes = passes } : ample);
    }

    /// <summary>As many parameters go, from wherever they are missed least.</summary>
    private void TryCut()
    {
        if (!_options.Named.IsDefaultOrEmpty || !HasTimeFor(CutTrials * PerWindow * _bench.Windows(TextAmount.Usual))) return;
        var (prices, removed, cut) = (CutKind.Prices(_state, _bench), Leader.Trial.Removed, new Cut());
        var all = Math.Max(1, prices.Sum(p => p.Parameters));
        var ratio = prices.Where(p => removed.Contains(p.Place)).Sum(p => p.Parameters) / (double)all;
        if (!(ratio > 0 && ratio <= CutChoice.Most(_state.Structure, prices, cut)))
        {
            _bench.Progress.Note("no cut was tried: not so many parameters can be taken from within the blocks");
            return;
        }

        var decided = _bench.Decide(cut with { Ratio = ratio }, _state);
        Add(null, [], SearchTrial.Cut, decided.Steps, decided.Sections, _bench.Windows(TextAmount.Usual), 1);
    }

    /// <summary>
    /// Seconds of what follows the exchanges: a full refit, the other corrections (each at most as long, most far shorter), more text.
    /// </summary>
    private double LastTrials(double perWindow) =>
        perWindow * ((2 * _bench.Windows(TextAmount.Usual)) + (LastPasses * _bench.Windows(TextAmount.Ample)));

    private double PerWindow => Leader.Trial.Seconds / _bench.Windows(TextAmount.Usual);

    private Drop Dropped(ImmutableArray<int> blocks)
    {
        var plan = MergePlanner.Plan(_state.Structure, null, _options with { Named = blocks, Count = 0 }, _state.Lineage.Plan.Fingerprint);
        return new Drop { Blocks = Removal.NamesOf(plan.Removed, _state), Reasons = plan };
    }

    private void Try(SelectionReport? selection, ImmutableArray<int> blocks, CorrectionStep? correction)
    {
        var key = $"{KindOf(correction)} {string.Join(',', blocks)}";
        if (_seen.Contains(key) || !HasTime()) return;
        _seen.Add(key);
        Add(selection, blocks, correction);
    }

    /// <summary>Tries one way. The states of worse ways go: only their figures are kept.</summary>
    private void Add(SelectionReport? selection, ImmutableArray<int> blocks, CorrectionStep? correction)
    {
        var drop = Dropped(blocks);
        Section[] told =
        [
            .. selection is null ? [] : new[] { Choosing.Told(selection, _state) },
            .. correction is null ? new[] { CorrectionSection.None(_state) } : [], // one that was taken tells of itself when it is applied
        ];
        var (windows, passes) = (correction is null ? 0 : _bench.Windows(correction.Text), correction is Refit refit ? refit.Passes : 1);
        Add(selection, blocks, KindOf(correction), correction is null ? [drop] : [drop, correction], [.. told], windows, passes);
    }

    private void Add(
        SelectionReport? selection, ImmutableArray<int> blocks, string correction, ImmutableArray<Step> steps,
        ImmutableArray<Section> sections, int windows, int passes)
    {
        var trial = _bench.Try(steps, _state, judged: true);
        var told = new SearchTrial(selection?.Kind, correction, blocks, trial.Loss.Perplexity, Math.Round(trial.Seconds, 1))
        {
            Windows = windows,
            Passes = passes,
        };
        if (_trials.Exists(t => t.Loss <= trial.Loss))
        {
            _bench.Release(trial);
        }
        else
        {
            if (_best is not null) _bench.Release(_best.Tried);
            _best = new Candidate(told, selection, steps, sections, trial);
        }

        _trials.Add((told, trial.Loss));
        _bench.Progress.Note($"{told.Name}: {told.Said} on held-out calibration text");
    }

    private static string KindOf(CorrectionStep? correction) => correction?.Name ?? CompensationReport.None;

    private IEnumerable<string> Names(ImmutableArray<int> blocks) => Removal.NamesOf(blocks, _state);

    /// <summary>True where another trial as long as the longest so far ends within the budget.</summary>
    private bool HasTime() => _trials.Count == 0 || HasTimeFor(_trials.Max(t => t.Trial.Seconds));

    private bool HasTimeFor(double seconds)
    {
        _bench.Stop.ThrowIfCancellationRequested();
        var fits = _clock.Elapsed.TotalSeconds + seconds <= _step.Budget.TotalSeconds;
        _outOfTime |= !fits;
        return fits;
    }

    private (ImmutableArray<Step> Steps, ImmutableArray<Section> Sections, SearchReport Report) Finish()
    {
        var best = Leader;
        var chosen = _trials.FindIndex(t => t.Trial == best.Trial);
        var next = _trials.Where((_, i) => i != chosen).OrderBy(t => t.Loss).FirstOrDefault();
        var why = $"{best.Trial.Name} has the lowest perplexity on held-out calibration text, {best.Trial.HeldOutPerplexity:0.00}"
            + (next.Trial is { } second ? $"; the next is {second.Name} with {second.Said}" : "")
            + (_quick.Count > 0 ? $"; {_quick.Count} sets of blocks were compared by quick refits" : "");
        _bench.Hold(best.Tried);
        return (best.Steps, best.Sections, new SearchReport([.. _trials.Select(t => t.Trial)], chosen, !_outOfTime, why));
    }

    /// <summary>The best so far.</summary>
    private sealed record Candidate(
        SearchTrial Trial, SelectionReport? Selection, ImmutableArray<Step> Steps, ImmutableArray<Section> Sections, Trial Tried)
    {
        public CorrectionStep? Correction => Steps[^1] as CorrectionStep;
    }
}
