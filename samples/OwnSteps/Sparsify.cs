using OnnxMka;
using OnnxMka.Bench;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Outcomes;
using OnnxMka.Structure;

namespace OwnSteps;

/// <summary>
/// A step: the smallest weights of all matrices become zero, and the others keep their bits (magnitude pruning).
/// <code>
/// - sparsify: { share: 0.3 }       open: how many
/// - sparsify: { below: 0.0117 }    decided: which, for every run alike
/// </code>
/// Steps after it that compute weights anew fill the zeros, and its check then ends the run: it stands last.
/// </summary>
public sealed record Sparsify : Step
{
    /// <summary>
    /// Share of all weights, 0 up to but not 1, that becomes zero; those of equal magnitude go together, so it may be a little more.
    /// </summary>
    public double? Share { get; init; }

    /// <summary>Weights w with <c>|w| &lt; below</c> become zero.</summary>
    public double? Below { get; init; }
}

/// <summary>What a sparsification did, for reports.</summary>
/// <param name="Zeros">Weights that are zero now.</param>
/// <param name="Weights">All that it looked at.</param>
public sealed record SparsifyReport(double Below, long Zeros, long Weights);

/// <summary>What the step does.</summary>
public sealed class SparsifyKind() : StepKind<Sparsify>("sparsify")
{
    protected override Decision Decide(Sparsify step, ModelState state, Workbench bench) => (step.Share, step.Below) switch
    {
        (null, > 0 and < double.PositiveInfinity) => Decision.Of(step),
        ( >= 0 and < 1, null) => Decision.Of(
            new Sparsify { Below = Magnitudes.Of(state.Structure, bench.Stop).Threshold(step.Share.Value) }),
        _ => throw new RefusedException(
            "OWN001", "sparsify", "it needs a share from 0 up to 1, or a threshold above 0", "Give one of share and below"),
    };

    protected override StepResult Apply(Sparsify decided, ModelState state, Workbench bench)
    {
        var below = decided.Below!.Value;
        using var reader = new TensorReader();
        var (edits, zeros, weights) = (new EditScript(), 0L, 0L);
        foreach (var matrix in Matrices.Of(state.Structure, state.Structure.Blocks))
        {
            bench.Stop.ThrowIfCancellationRequested();
            edits.Add(Name, new GraphEdit.ReplaceInitializer(matrix.Name, new SparseContent(matrix, below)));
            zeros += reader.ReadFloats(matrix).LongCount(w => Math.Abs(w) < below || w == 0);
            weights += matrix.ElementCount;
        }

        var next = state.With(GraphEditor.Apply(state.Model, edits), changed: Enumerable.Range(0, state.Structure.Count), by: Name);
        var told = new Section(Name, new SparsifyReport(below, zeros, weights))
        {
            Shown = [new SectionLine($"sparsified: {zeros:N0} of {weights:N0} weights are zero, all below {below:g4}")],
            Label = "sparsified",
        };
        return new StepResult(next, [told], [new Check("no small weight is left", (_, written) => Left(written, below))]);
    }

    /// <summary>Read from the file as written: blocks are found there anew, since their numbers in names are new.</summary>
    private static Verdict Left(OnnxModel written, double below)
    {
        var map = BlockDetector.Detect(written);
        using var reader = new TensorReader();
        var left = Matrices.Of(map, map.Blocks).Sum(m => reader.ReadFloats(m).LongCount(w => w != 0 && Math.Abs(w) < below));
        return new Verdict("no small weight is left", left, 0, "a weight is zero or as it was, and both are stored as they are");
    }
}
