using System.Collections.Immutable;
using OnnxMka.Outcomes;
using OnnxMka.Running.Parts;

namespace OnnxMka.Selection;

/// <summary>A selector that looks at the seams of one pass over the usual calibration text.</summary>
/// <param name="name">Its name in recipes.</param>
internal abstract class SeamSelector(string name) : ISelector
{
    public string Name => name;

    public ImmutableArray<SelectedBlock> Choose(SelectionRequest request) => request.Bench.WithSeamsOf(request.State, seams =>
    {
        using var stage = request.Bench.Progress.Begin("select", 1, "steps");
        var chosen = Choose(seams.Fit, [.. request.Candidates], request.Count, request.Bench.Stop);
        stage.Advance(1);
        return chosen;
    });

    /// <inheritdoc cref="ISelector.Choose"/>
    internal abstract ImmutableArray<SelectedBlock> Choose(OriginalSeams seams, int[] candidates, int count, CancellationToken ct);
}
