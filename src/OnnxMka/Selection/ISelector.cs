using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Planning;

namespace OnnxMka.Selection;

/// <summary>
/// A way to choose the blocks that go. A user's own is registered beside those that come along (<see cref="Selectors.With"/>).
/// </summary>
public interface ISelector
{
    /// <summary>Its name in recipes and on the command line: lower case, words joined by hyphens.</summary>
    string Name { get; }

    /// <summary>
    /// As many of the candidates as are asked for, each once, in the order of choice. Equal models and texts give equal choices. Refuses
    /// where there is no such choice.
    /// </summary>
    ImmutableArray<SelectedBlock> Choose(SelectionRequest request);
}

/// <summary>What a selector is asked.</summary>
/// <param name="State">The model whose blocks are chosen.</param>
/// <param name="Bench">Texts, seams and losses that it may ask for.</param>
/// <param name="Candidates">Numbers in <see cref="ModelState.Structure"/>, ascending: blocks that may go.</param>
/// <param name="Count">How many, at least 1 and at most as many as there are candidates.</param>
public sealed record SelectionRequest(ModelState State, Workbench Bench, ImmutableArray<int> Candidates, int Count)
{
    /// <summary>What else is wanted of the removal.</summary>
    internal PlanOptions Plan { get; init; } = new();

    /// <summary>A merge of each candidate into the block before it is weighed against its drop.</summary>
    internal bool WeighsMerges { get; init; }

    /// <summary>Shares of such merges; null where they are fixed, or none is weighed.</summary>
    internal SimilarityTable? Similarity { get; init; }

    /// <summary>Ends the choice early, with an <see cref="OperationCanceledException"/>.</summary>
    public CancellationToken Until { get; init; }
}
