using System.Collections.Immutable;
using OnnxMka.Alignment;
using OnnxMka.Outcomes;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Selection;

/// <summary>One block after the other: the one whose absence raises the loss on calibration text least (SLEB, arXiv 2402.09025).</summary>
internal sealed class GreedyLossSelector : ISelector
{
    /// <summary>
    /// Windows that losses are measured on. A loss over 64 windows of 128 tokens has a standard error near 0.03 nats, but candidates share
    /// the windows, and their differences vary ten times less.
    /// </summary>
    private const int Windows = 64;

    public string Name => "greedy-loss";

    public ImmutableArray<SelectedBlock> Choose(SelectionRequest request)
    {
        var (bench, until) = (request.Bench, request.Until == CancellationToken.None ? request.Bench.Stop : request.Until);
        var name = $"{Name} {request.State.Key} {string.Join(',', request.Candidates)}";
        try
        {
            var search = bench.Kept(name, () => Search.Start(request, until));
            var rounds = Enumerable.Range(0, request.Count);
            var losses = rounds.Sum(round => GreedyLoss.RoundWork(request.Candidates.Length, round, request.WeighsMerges));
            using var stage = bench.Progress.Begin("greedy selection", losses, "losses");
            return search.Greedy.Choose(request.Count, stage.AsIncrement<int>(), until);
        }
        finally
        {
            // Who tries one number after the other asks again, for more blocks; else the seams make room.
            if (!bench.IsSearching) bench.Forget(name);
        }
    }

    /// <summary>A greedy selection with the seams it starts from.</summary>
    private sealed class Search : IDisposable
    {
        private readonly OriginalSeams _seams;

        private Search(OriginalSeams seams, GreedyLoss greedy)
        {
            _seams = seams;
            Greedy = greedy;
        }

        public GreedyLoss Greedy { get; }

        public static Search Start(SelectionRequest request, CancellationToken ct)
        {
            var (bench, plan, similarity) = (request.Bench, request.Plan, request.Similarity);
            var chain = bench.Chain(request.State.Structure);
            var windows = Some(bench.Text(Bench.TextAmount.Usual).Fit);
            var state = bench.Journal is { } journal ? SelectionState.Of(journal, KeyOf(request, windows)) : null;
            if (state is { Rounds.Length: > 0 }) bench.Progress.Note($"goes on after {state.Rounds.Length} rounds of an earlier run");
            using var stage = bench.Progress.Begin("seams to choose by", OriginalSeams.ProgressTotal(chain, windows), "samples");
            var seams = OriginalSeams.Of(chain, windows, stage.AsIncrement<int>(), ct);
            return new Search(seams, new GreedyLoss(chain, seams, new GreedyOptions
            {
                Candidates = [.. request.Candidates],
                Alpha = !request.WeighsMerges ? null : (left, right) => plan.Alpha ?? MergeWeight.FromSimilarity(similarity![left, right]),
                ProtectFirst = plan.ProtectFirst,
                State = state,
            }));
        }

        public void Dispose()
        {
            Greedy.Dispose();
            _seams.Dispose();
        }

        private static string KeyOf(SelectionRequest request, CalibrationSet windows) => GreedyOptions.KeyOf(
            request.State.Structure,
            request.State.Key,
            windows,
            request.Plan,
            request.WeighsMerges,
            request.Bench.Running.Target.Name,
            request.Similarity);

        private static CalibrationSet Some(CalibrationSet fit)
        {
            var step = Math.Max(1, fit.Count / Windows);
            return fit with { Samples = [.. fit.Samples.Where((_, i) => i % step == 0).Take(Windows)] };
        }
    }
}
