using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;

namespace OnnxMka.Selection;

/// <summary>
/// Removes one block after the other, each time the one whose absence costs the least on calibration text. A candidate runs again only
/// what follows it, from the seam before it; all candidates of a round pass a block with one load of it.
/// <code>
/// stack     x -> 3 -> 4 -> 6 -> 7 -> head
/// without 4        x' = what 3 leaves -> 6 -> 7 -> head -> loss
/// 4 into 3  x -> a 3 + (1 - a) 4 -> 6 -> 7 -> head -> loss      (where merges are weighed too)
/// </code>
/// The rounds do not depend on how many are wanted, so a search can go on where another ended.
/// </summary>
internal sealed class GreedyLoss : IDisposable
{
    private readonly BlockChain _chain;
    private readonly GreedyOptions _options;
    private readonly MergeStack _stack;
    private readonly List<SeamActivations> _before;
    private readonly HashSet<SeamActivations> _own = [];
    private readonly List<SelectedBlock> _chosen = [];
    private OnnxModel _model;

    /// <param name="seams">Of the original model over the calibration text; they stay as they are, and must outlive this.</param>
    public GreedyLoss(BlockChain chain, OriginalSeams seams, GreedyOptions options)
    {
        _chain = chain;
        _options = options;
        _model = chain.Map.Model;
        _stack = new MergeStack(chain.Map.Blocks);
        _before = [.. Enumerable.Range(0, chain.Map.Count).Select(b => seams[b - 1])];
    }

    /// <summary>Losses that a round measures at most, for progress.</summary>
    public static int RoundWork(int candidates, int round, bool weighsMerges) => Math.Max(candidates - round, 0) * (weighsMerges ? 2 : 1);

    /// <summary>The first so many rounds; those that are known are not measured again. Progress counts losses.</summary>
    public ImmutableArray<SelectedBlock> Choose(int count, IProgress<int>? progress, CancellationToken ct)
    {
        foreach (var round in Enumerable.Range(0, Math.Min(_chosen.Count, count)))
            progress?.Report(RoundWork(_options.Candidates.Count, round, _options.Alpha is not null));
        while (_chosen.Count < count)
        {
            var work = new RoundProgress(RoundWork(_options.Candidates.Count, _chosen.Count, _options.Alpha is not null), progress);
            var known = _options.State?.Rounds.ElementAtOrDefault(_chosen.Count);
            if (known is not null && !IsPossible(known)) throw _options.State!.Impossible(known);
            var best = known ?? Best(Round(work, ct));
            Apply(best, ct);
            _chosen.Add(best);
            if (known is null) _options.State?.Add(best);
            work.Finish();
        }

        return [.. _chosen.Take(count)];
    }

    public void Dispose()
    {
        foreach (var seam in _own) seam.Dispose();
        _own.Clear();
    }

    /// <summary>
    /// The lowest loss; of equal ones the lowest block, and a drop before a merge. Refuses a round in which no loss is finite.
    /// </summary>
    private SelectedBlock Best(List<(SelectedBlock Way, Loss Loss)> trials)
    {
        var ordered = trials.OrderBy(t => t.Way.Block).ThenBy(t => t.Way.Alpha is not null);
        var (best, loss) = Losses.Least(ordered, t => t.Loss, t => [_chain.Map.Blocks[t.Way.Block].Name]);
        var other = trials.FirstOrDefault(t => t.Way.Block == best.Block && t.Way.Alpha is null != best.Alpha is null).Loss;
        return best with { Score = loss.Nats!.Value, OtherScore = other?.Nats };
    }

    private List<(SelectedBlock Way, Loss Loss)> Round(RoundProgress work, CancellationToken ct)
    {
        var flights = new List<(SelectedBlock Trial, SeamActivations Stream)>();
        var passes = Enumerable.Range(0, _stack.Count)
            .Where(IsCandidate)
            .Sum(place => (_stack.Count - place) * (_options.Alpha is null ? 1 : 2));
        try
        {
            for (var place = 0; place < _stack.Count; place++)
            {
                var part = Part(_model, place);
                var streams = flights.Select(f => f.Stream).ToArray();
                if (place > 0 && IsCandidate(place - 1))
                    flights.Add((new SelectedBlock(_stack[place - 1], 0), _chain.Advance(part, streams, _before[place - 1], ct)));
                else _chain.Advance(part, streams, ct: ct);
                if (Alpha(place) is { } alpha)
                {
                    var merged = Part(Merged(place, alpha), place - 1);
                    var stream = _chain.RunBlock(merged, _before[place - 1], ct: ct);
                    flights.Add((new SelectedBlock(_stack[place], 0) { Alpha = alpha }, stream));
                }

                work.Pass(flights.Count, passes);
            }

            SelectedBlock[] trials =
            [
                .. flights.Select(f => f.Trial),
                .. IsCandidate(_stack.Count - 1) ? new[] { new SelectedBlock(_stack[_stack.Count - 1], 0) } : [],
            ];
            SeamActivations[] ends = [.. flights.Select(f => f.Stream), .. trials.Length > flights.Count ? new[] { _before[^1] } : []];
            var losses = ChainLoss.Of(_chain, BlockPart.Epilogue(_chain.Map.Model, _chain.Map), ends, ct);
            return [.. trials.Zip(losses)];
        }
        finally
        {
            foreach (var (_, stream) in flights) stream.Dispose();
        }
    }

    private bool IsCandidate(int place) => _options.Candidates.Contains(_stack[place]);

    private bool IsPossible(SelectedBlock round) =>
        _stack.PlaceOf(round.Block) is >= 0 and var place
            && IsCandidate(place)
            && double.IsFinite(round.Score)
            && (round.Alpha is null || (_options.Alpha is not null && round.Alpha is >= 0 and < 1 && MayMerge(place)));

    private bool MayMerge(int place) => place > 0 && _stack[place - 1] >= _options.ProtectFirst && _stack.Obstacle(place) is null;

    /// <summary>Share of the block before in a merge that is weighed; null for none.</summary>
    private double? Alpha(int place) =>
        _options.Alpha is { } alpha
            && IsCandidate(place)
            && MayMerge(place)
            && alpha(_stack.LastMember(place - 1), _stack.LastMember(place)) is < 1 and var share
            ? share
            : null;

    private BlockPart Part(OnnxModel model, int place) => BlockPart.Of(model, _chain.Map, _stack[place]);

    /// <summary>The original model with the weights of the stack, and those of one more merge.</summary>
    private OnnxModel Merged(int place, double alpha) =>
        Folded([.. _stack.Groups.Where((_, i) => i != place - 1), _stack.Merged(place, alpha)]);

    private OnnxModel Folded(MergeGroup[] groups)
    {
        var script = new EditScript();
        InitializerFold.Script(
            _chain.Map,
            new MergePlan(
                "",
                Method.Mka,
                Order.Similarity,
                _chain.Map.Count,
                [],
                [.. groups.OrderBy(g => g.Block)],
                [])
            { Units = _chain.Map.HalfNames },
            script);
        return GraphEditor.Apply(_chain.Map.Model, script);
    }

    /// <summary>What follows the change gets new seams.</summary>
    private void Apply(SelectedBlock choice, CancellationToken ct)
    {
        var place = _stack.PlaceOf(choice.Block);
        if (choice.Alpha is { } alpha) _stack.Merge(choice.Block, alpha);
        else _stack.Drop(choice.Block);
        // Behind a drop the stream is the one before the block; a merge changes what the block before it leaves.
        var gone = choice.Alpha is null && place + 1 < _before.Count ? place + 1 : place;
        Release(_before[gone]);
        _before.RemoveAt(gone);
        if (choice.Alpha is not null) _model = Folded([.. _stack.Groups]);
        for (var next = choice.Alpha is null ? place + 1 : place; next < _stack.Count; next++)
        {
            var stream = _chain.RunBlock(Part(_model, next - 1), _before[next - 1], ct: ct);
            Release(_before[next]);
            _before[next] = stream;
            _own.Add(stream);
        }
    }

    private void Release(SeamActivations seam)
    {
        if (_own.Remove(seam)) seam.Dispose();
    }

    /// <summary>
    /// Tells a round's share in blocks that candidates have passed as whole losses, so that the time left is known inside a round too.
    /// </summary>
    private sealed class RoundProgress(int losses, IProgress<int>? progress)
    {
        private int _passed;
        private int _told;

        public void Pass(int flights, int passes)
        {
            _passed += flights;
            Tell(passes == 0 ? losses : (int)Math.Min(losses, (long)losses * _passed / passes));
        }

        public void Finish() => Tell(losses);

        private void Tell(int done)
        {
            if (done <= _told) return;
            progress?.Report(done - _told);
            _told = done;
        }
    }
}
