using OnnxMka.Chain;
using OnnxMka.Evaluation;

namespace OnnxMka.Selection;

/// <summary>
/// Removes one block after the other, each time the one whose absence costs the least on calibration text. A candidate runs again only
/// what follows it, from the seam before it; all candidates of a round pass a block with one load of it.
/// <code>
/// stack     x -> 3 -> 4 -> 6 -> 7 -> head
/// without 4        x' = what 3 leaves -> 6 -> 7 -> head -> loss
/// </code>
/// </summary>
internal sealed class GreedyLoss
{
    private readonly BlockChain _chain;
    private readonly OriginalSeams _seams;
    private readonly IProgress<int>? _progress;
    private readonly CancellationToken _ct;
    private readonly List<int> _stack;
    private readonly List<SeamActivations> _before;
    private readonly HashSet<SeamActivations> _own = [];

    private GreedyLoss(BlockChain chain, OriginalSeams seams, IProgress<int>? progress, CancellationToken ct)
    {
        _chain = chain;
        _seams = seams;
        _progress = progress;
        _ct = ct;
        _stack = [.. Enumerable.Range(0, chain.Map.Count)];
        _before = [.. _stack.Select(b => seams[b - 1])];
    }

    /// <summary>Losses that are measured for <paramref name="count"/> removals, for progress.</summary>
    public static int Evaluations(int candidates, int count) => Enumerable.Range(0, count).Sum(round => candidates - round);

    /// <summary>Blocks in the order of removal. Progress counts losses.</summary>
    /// <param name="seams">Of the original model over the calibration text; they stay as they are.</param>
    public static SelectionReport Choose(BlockChain chain, OriginalSeams seams, int[] candidates, int count, IProgress<int>? progress, CancellationToken ct)
    {
        var search = new GreedyLoss(chain, seams, progress, ct);
        try
        {
            var chosen = new List<SelectedBlock>();
            while (chosen.Count < count)
            {
                var losses = search.Round([.. candidates.Except(chosen.Select(c => c.Block))]);
                chosen.Add(losses.MinBy(l => (l.Score, l.Block))!);
                if (chosen.Count < count) search.Remove(chosen[^1].Block);
            }

            return new SelectionReport(SelectionKind.GreedyLoss, [.. chosen]);
        }
        finally
        {
            foreach (var seam in search._own) seam.Dispose();
        }
    }

    private List<SelectedBlock> Round(HashSet<int> candidates)
    {
        var flights = new List<(int Without, SeamActivations Stream)>();
        try
        {
            for (var place = 0; place < _stack.Count; place++)
            {
                var part = BlockPart.Of(_chain.Map.Model, _chain.Map, _stack[place]);
                _chain.Advance(part, [.. flights.Select(f => f.Stream)], null, null, _ct);
                if (place > 0 && candidates.Contains(_stack[place - 1])) flights.Add((_stack[place - 1], _chain.RunBlock(part, _before[place - 1], null, null, _ct)));
            }

            var losses = flights.Select(f => Loss(f.Without, f.Stream)).ToList();
            if (candidates.Contains(_stack[^1])) losses.Add(Loss(_stack[^1], _before[^1]));
            return losses;
        }
        finally
        {
            foreach (var (_, stream) in flights) stream.Dispose();
        }
    }

    private SelectedBlock Loss(int without, SeamActivations stream)
    {
        var loss = ChainLoss.Of(_chain, BlockPart.Epilogue(_chain.Map.Model, _chain.Map), stream, _ct);
        _progress?.Report(1);
        return new SelectedBlock(without, loss);
    }

    /// <summary>What follows the removed block gets new seams.</summary>
    private void Remove(int block)
    {
        var place = _stack.IndexOf(block);
        _stack.RemoveAt(place);
        if (place + 1 < _before.Count) Forget(place + 1);
        else Forget(place);
        for (var next = place + 1; next < _stack.Count; next++)
        {
            var stream = _chain.RunBlock(_stack[next - 1], _before[next - 1], null, _ct);
            Release(_before[next]);
            _before[next] = stream;
            _own.Add(stream);
        }
    }

    /// <summary>Drops the entry of a seam that is read no more.</summary>
    private void Forget(int place)
    {
        Release(_before[place]);
        _before.RemoveAt(place);
    }

    private void Release(SeamActivations seam)
    {
        if (_own.Remove(seam)) seam.Dispose();
    }
}
