using OnnxMka.Alignment;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Selection;

/// <summary>A greedy selection with the seams it starts from.</summary>
internal sealed class GreedySearch : IDisposable
{
    private readonly OriginalSeams _seams;

    private GreedySearch(OriginalSeams seams, GreedyLoss greedy)
    {
        _seams = seams;
        Greedy = greedy;
    }

    public GreedyLoss Greedy { get; }

    /// <param name="similarity">NPIB of the seams, for the shares of merges; null where a share is fixed or no merge is weighed.</param>
    public static GreedySearch Start(
        BlockChain chain, CalibrationSet windows, PlanOptions plan, bool weighsMerges, string? resumeFile, string device, string fingerprint, SimilarityTable? similarity, IProgressSink progress, CancellationToken ct)
    {
        var key = GreedyOptions.KeyOf(chain.Map, fingerprint, windows, plan, weighsMerges, device, similarity);
        var state = resumeFile is { } file ? SelectionState.Open(file, key) : null;
        if (state is { Rounds.Length: > 0 }) progress.Note($"goes on after {state.Rounds.Length} rounds of {resumeFile}");
        using var stage = progress.Begin("seams to choose by", OriginalSeams.ProgressTotal(chain, windows), "samples");
        var seams = OriginalSeams.Of(chain, windows, stage.AsIncrement<int>(), ct);
        return new GreedySearch(seams, new GreedyLoss(chain, seams, new GreedyOptions
        {
            Candidates = BlockSelector.Candidates(chain.Map, plan, weighsMerges),
            Alpha = !weighsMerges ? null : (left, right) => plan.Alpha ?? MergeWeight.FromSimilarity(similarity![left, right]),
            ProtectFirst = plan.ProtectFirst,
            State = state,
        }));
    }

    public void Dispose()
    {
        Greedy.Dispose();
        _seams.Dispose();
    }
}
