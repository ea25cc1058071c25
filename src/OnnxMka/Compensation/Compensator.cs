using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Numerics;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Structure;

namespace OnnxMka.Compensation;

/// <summary>
/// Corrects a reduced model in closed form, from its first cut to its last, each time with the stream that the corrected prefix gives. With
/// x the stream in the reduced model, t the original seam that enters the next kept block, and every sum over calibration tokens:
/// <code>
/// refit     c = input of a weight that writes to the stream, y = what its block leaves:  W += (c'c + aI)^-1 c'(t - y),
///           each token's row of c and of t - y divided by the root mean square of t
/// fold      the same, with a change of the form W M:                                     W += W (M'M + aI)^-1 M'(t - y),  M = cW
/// linear    behind a cut:  x &lt;- x + x A,  A = (x'x + aI)^-1 x'(t - x)
/// hadamard  behind a cut:  x &lt;- x H diag(d) H',  d_k = mean |(t H)_k| / mean |(x H)_k|
/// scale     behind a cut:  x &lt;- x g,  g = mean |t| / mean |x|
/// </code>
/// (What reads the stream normalises it, so that errors count relative to its size: large tokens would outweigh all others.)
/// A refit goes over the weights of a block as often as its passes say, each pass with what the other weights then give.
/// A step is kept where it lowers ||t - y|| on held-out tokens (a refit's: relative to each token's ||t||, as it is fitted); else its ridge grows; else it is left out, and the report says so. The ridge of a
/// fold shrinks its map towards the identity, so that a cut that changed nothing changes nothing.
/// </summary>
public sealed class Compensator
{
    private readonly CompensatedModel _model;
    private readonly MergePlan _plan;
    private readonly SplitSeams _seams;
    private readonly CompensationOptions _options;
    private readonly CompensationKind _kind;
    private readonly BlockChain _chain;
    private readonly IProgress<int>? _progress;
    private readonly CancellationToken _ct;
    private readonly ImmutableArray<CompensationStep>.Builder _steps = ImmutableArray.CreateBuilder<CompensationStep>();

    private Compensator(
        CompensatedModel model, MergePlan plan, SplitSeams seams, CompensationOptions options, BlockChain chain, IProgress<int>? progress, CancellationToken ct)
    {
        _model = model;
        _plan = plan;
        _seams = seams;
        _options = options;
        _kind = options.Kind;
        _chain = chain;
        _progress = progress;
        _ct = ct;
    }

    /// <summary>Blocks of the reduced model that are worked through, for progress.</summary>
    public static int Work(MergePlan plan) => Cuts(plan) is [var first, ..] ? plan.Groups.Length - first : 0;

    /// <summary>
    /// Bytes that a refit holds beside the block that runs and that <see cref="MemoryEstimate"/> knows nothing of: sums and a solution for its
    /// widest weight.
    /// </summary>
    internal static long RefitBytes(BlockMap map)
    {
        var view = NormalisedView.Of(map.Model);
        return map.Blocks.SelectMany(b => ResidualWriters.Of(map, view, b).Writers)
            .Select(w => NormalEquations.Bytes(w.Inputs, w.Outputs))
            .DefaultIfEmpty()
            .Max();
    }

    /// <summary>The corrected model and its steps. Refuses models that cannot be run block by block. Progress counts blocks.</summary>
    /// <param name="seams">Of the original model. Without held-out seams every step is kept.</param>
    /// <param name="scratch">Takes the corrected weights; it must outlive the model.</param>
    public static (RewrittenModel Model, ImmutableArray<CompensationStep> Steps) Run(
        RewrittenModel rewritten,
        MergePlan plan,
        SplitSeams seams,
        CompensationOptions options,
        ChainOptions chain,
        ExecutionTarget target,
        ScratchFile scratch,
        IProgress<int>? progress = null,
        CancellationToken ct = default)
    {
        if (options.Kind == CompensationKind.None || Cuts(plan).Length == 0) return (rewritten, []);
        if (plan.Groups.Length < 2) throw new RefusedException("MKA049", "--compensate", "only one block is left, and it takes two to find a block by its structure", "Remove fewer blocks, or use --compensate none");
        var model = CompensatedModel.Of(rewritten.Model, plan.Units is null ? Granularity.Block : Granularity.Sublayer, scratch);
        if (model.Map.Count != plan.Groups.Length)
            throw new RefusedException("MKA049", "--compensate", $"of the {plan.Groups.Length} blocks that are left only {model.Map.Count} are found by their structure", "Keep the halves of the last layers together, or use --compensate none");
        var compensator = new Compensator(model, plan, seams, options, BlockChain.Of(model.Map, target, chain), progress, ct);
        compensator.Run();
        return (rewritten with { Model = model.Model, Blocks = rewritten.Blocks with { Model = model.Model } }, compensator._steps.ToImmutable());
    }

    /// <summary>Places of the kept blocks behind which others were removed.</summary>
    private static ImmutableArray<int> Cuts(MergePlan plan) => [.. Enumerable.Range(0, plan.Groups.Length).Where(i => Next(plan, i) > plan.Groups[i].Block + 1)];

    /// <summary>Original number of the kept block that follows; L behind the last.</summary>
    private static int Next(MergePlan plan, int place) => place + 1 < plan.Groups.Length ? plan.Groups[place + 1].Block : plan.BlockCount;

    private void Run()
    {
        var cuts = Cuts(_plan).ToHashSet();
        if (_plan.Groups[0].Block > 0) Skip(0, "the start of the model", "no kept block stands before this cut");
        SeamPair? stream = null;
        try
        {
            for (var place = cuts.Min(); place < _plan.Groups.Length; place++)
            {
                var input = stream ?? _seams.At(_plan.Groups[place].Block - 1);
                var goal = _seams.At(Next(_plan, place) - 1);
                if (_kind == CompensationKind.Refit) FitWeights(place, input, goal, all: true);
                else if (cuts.Contains(place) && _kind == CompensationKind.Fold) FitWeights(place, input, goal, all: false);
                else if (cuts.Contains(place)) FitSeam(place, input, goal);
                var next = place + 1 < _plan.Groups.Length ? Moved(place, input) : null;
                stream?.Dispose();
                stream = next;
                _progress?.Report(1);
            }
        }
        finally
        {
            stream?.Dispose();
        }
    }

    private SeamPair Moved(int place, SeamPair input)
    {
        var part = _model.Part(_model.Model, place);
        var fit = _chain.RunBlock(part, input.Fit, null, null, _ct);
        return new SeamPair(fit, input.HeldOut is { } held ? _chain.RunBlock(part, held, null, null, _ct) : null);
    }

    private void FitWeights(int place, SeamPair input, SeamPair goal, bool all)
    {
        var (writers, obstacles) = _model.Writers(place);
        foreach (var obstacle in obstacles) Skip(place, obstacle, "its result reaches the stream through no plain float weight");
        var chosen = all ? writers : [.. writers.TakeLast(1)];
        foreach (var writer in chosen.Where(w => w.Outputs != goal.Fit.Width)) Skip(place, writer.Weight.Role, $"it writes {writer.Outputs} columns and the stream has {goal.Fit.Width}");
        ResidualWriter[] fitted = [.. chosen.Where(w => w.Outputs == goal.Fit.Width)];
        var error = Error(_model.Model, place, input, goal);
        foreach (var writer in Enumerable.Repeat(fitted, all ? _options.Passes : 1).SelectMany(w => w))
        {
            GC.Collect(); // what the last weight left may be gigabytes, and the next sums would come on top
            var equations = new NormalEquations(writer.Inputs, writer.Outputs);
            var part = _model.Part(_model.Model, place).Tapping(writer.Features);
            StreamRows.Each(
                _chain,
                part,
                input.Fit,
                goal.Fit,
                (y, t, features) => equations.Add(features, Residual(t, y), all ? StreamRows.InverseNorms(t, writer.Outputs) : []),
                _ct);
            var centred = writer.Bias is not null;
            var (gram, cross) = (equations.TakeGram(centred), equations.TakeCross(centred));
            var solved = all ? Refitted(gram, cross, writer) : Folded(_model.Weight(writer), gram, cross, writer);
            error = Keep(place, writer.Weight.Role, input, goal, error, ridge =>
                solved(ridge) is { } change ? _model.With(writer, change, centred ? equations.Intercept(change) : null) : null);
        }
    }

    private static Func<double, double[]?> Refitted(double[] gram, double[] cross, ResidualWriter writer)
    {
        var solver = new RidgeSolver(gram, writer.Inputs);
        return ridge => solver.Solve(cross, ridge);
    }

    /// <summary>
    /// W (M'M + aI)^-1 M'R with M = cW, turned: M'M = W'(c'c)W and R'M = (R'c)W, so M itself is never needed. W [in, out], R'c [out, in].
    /// </summary>
    private static Func<double, double[]?> Folded(double[] weight, double[] gram, double[] cross, ResidualWriter writer)
    {
        var (n, m) = (writer.Inputs, writer.Outputs);
        var turned = Dense.Transpose(weight, n, m);
        var solver = new RidgeSolver(Dense.Multiply(turned, Dense.Multiply(gram, weight, n, n, m), m, n, m), m);
        var right = Dense.Multiply(cross, weight, m, n, m);
        return ridge => solver.Solve(right, ridge) is { } map ? Dense.Multiply(map, turned, m, m, n) : null;
    }

    private void FitSeam(int place, SeamPair input, SeamPair goal)
    {
        var part = _model.Part(_model.Model, place);
        var width = goal.Fit.Width;
        var type = goal.Fit.Type;
        if (_kind == CompensationKind.Linear)
        {
            var equations = new NormalEquations(width, width);
            StreamRows.Each(_chain, part, input.Fit, goal.Fit, (y, t, _) => equations.Add(y, Residual(t, y)), _ct);
            var (solver, cross) = (new RidgeSolver(equations.TakeGram(false), width), equations.TakeCross(false));
            KeepMap(
                place,
                input,
                goal,
                ridge => solver.Solve(cross, ridge) is { } change ? SeamMap.Linear(Dense.Transpose(change, width, width), width) : null,
                type);
            return;
        }

        var magnitudes = new ChannelMagnitudes(width, _kind == CompensationKind.Hadamard);
        StreamRows.Each(_chain, part, input.Fit, goal.Fit, (y, t, _) => magnitudes.Add(y, t), _ct);
        KeepMap(place, input, goal, _ => _kind == CompensationKind.Hadamard ? SeamMap.Hadamard(magnitudes.ByChannel()) : SeamMap.Scale(magnitudes.Overall()), type, hasRidge: false);
    }

    /// <summary>Keeps the first ridge whose model lowers the held-out error of what the block leaves; the error then.</summary>
    private double? Keep(int place, string name, SeamPair input, SeamPair goal, double? before, Func<double, Correction?> trial)
    {
        var ridge = _options.FirstRidge(_kind);
        double? after = null;
        for (var i = 0; i < _options.RidgeTrials; i++, ridge *= 10)
        {
            if (trial(ridge) is not { } candidate) continue;
            after = Error(candidate.Model, place, input, goal);
            if (before is not null && !(after < before)) continue;
            _model.Keep(candidate);
            Report(place, name, before, after, ridge, true, null);
            return after;
        }

        Report(place, name, before, after, ridge / 10, false, after is null ? "its equations have no stable solution" : "held-out error does not fall");
        return before;
    }

    private void KeepMap(int place, SeamPair input, SeamPair goal, Func<double, SeamMap?> trial, ElementType type, bool hasRidge = true)
    {
        var part = _model.Part(_model.Model, place);
        double? Held(SeamMap? map) => input.HeldOut is null ? null : StreamRows.Error(_chain, part, input.HeldOut, goal.HeldOut!, map, _ct);
        var before = Held(null);
        double? after = null;
        var ridge = _options.FirstRidge(_kind);
        for (var i = 0; i < (hasRidge ? _options.RidgeTrials : 1); i++, ridge *= 10)
        {
            if (trial(ridge) is not { } map || map.Values.Any(v => !double.IsFinite(v))) continue;
            after = Held(map);
            if (before is not null && !(after < before)) continue;
            _model.Keep(_model.With(place, map, type));
            Report(place, "seam", before, after, hasRidge ? ridge : null, true, null);
            return;
        }

        Report(place, "seam", before, after, hasRidge ? ridge / 10 : null, false, "held-out error does not fall");
    }

    private double? Error(OnnxModel model, int place, SeamPair input, SeamPair goal) =>
        input.HeldOut is null ? null : StreamRows.Error(_chain, _model.Part(model, place), input.HeldOut, goal.HeldOut!, null, _ct, eachToken: _kind == CompensationKind.Refit);

    private void Skip(int place, string what, string why) => Report(place, what, null, null, null, false, why);

    private void Report(int place, string what, double? before, double? after, double? ridge, bool kept, string? note) =>
        _steps.Add(new CompensationStep(_plan.Groups[place].Block, what, before, after, ridge, kept, note));

    private static float[] Residual(ReadOnlySpan<float> goal, ReadOnlySpan<float> value)
    {
        var residual = new float[goal.Length];
        System.Numerics.Tensors.TensorPrimitives.Subtract(goal, value, residual);
        return residual;
    }
}
