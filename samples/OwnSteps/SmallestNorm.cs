using System.Collections.Immutable;
using System.Numerics.Tensors;
using OnnxMka.Graph;
using OnnxMka.Selection;

namespace OwnSteps;

/// <summary>
/// A selector: the blocks go whose weights are smallest, <c>sqrt(sum w^2)</c> over a block's matrices. It looks at no text, and runs
/// nothing. <code> - drop: { count: 2, select: smallest-norm } </code>
/// </summary>
public sealed class SmallestNorm : ISelector
{
    public string Name => "smallest-norm";

    public ImmutableArray<SelectedBlock> Choose(SelectionRequest request)
    {
        using var reader = new TensorReader();
        using var stage = request.Bench.Progress.Begin("weigh blocks", request.Candidates.Length, "blocks");
        var scored = new List<SelectedBlock>();
        foreach (var candidate in request.Candidates)
        {
            request.Bench.Stop.ThrowIfCancellationRequested();
            scored.Add(new SelectedBlock(candidate, Norm(request, candidate, reader)));
            stage.Advance(1);
        }

        // The sort is stable: of blocks that weigh the same the first goes, here and on every other machine.
        return [.. scored.OrderBy(s => s.Score).Take(request.Count)];
    }

    private static double Norm(SelectionRequest request, int block, TensorReader reader)
    {
        var map = request.State.Structure;
        var squares = 0.0;
        foreach (var matrix in Matrices.Of(map, map.Blocks[block]))
        {
            // Each sum over one matrix, in float, is rounded on its way; what is compared are blocks, and they differ by more.
            squares += TensorPrimitives.SumOfSquares(reader.ReadFloats(matrix));
        }

        return Math.Sqrt(squares);
    }
}
