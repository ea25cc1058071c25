using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Numerics;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Structure;

namespace OnnxMka.Matching;

/// <summary>
/// Shares of a merged block by least squares, one for each parameter p and block m that goes into it:
/// <code>
/// theta_p = theta_p,l + sum_m w_pm (theta_p,m - theta_p,l)
/// min over w of ||t - y(w)||^2,   t what the last of the blocks leaves in the original, y what the merged block leaves
/// </code>
/// y is linear in w for the matrices that write to the stream and nearly so for the others, so that this is Gauss-Newton: y is taken as
/// linear from w on, its slopes from runs with one share moved; the normal equations give the step. A step is kept where it lowers the
/// error on held-out tokens, else halved.
/// </summary>
internal sealed class ShareFitting
{
    private const int Rounds = 3;
    private const int Halvings = 3;

    /// <summary>A share is moved by this for its slope: large beside fp16 rounding, small beside the curvature of the block.</summary>
    private const double Move = 0.05;

    /// <summary>Of the mean diagonal: slopes of parameters that only scale one another (query and key) are not independent.</summary>
    private const double Ridge = 1e-2;

    private readonly BlockMap _map;
    private readonly GraphIndex _index;
    private readonly BlockChain _chain;
    private readonly MergePlan _plan;
    private readonly SplitSeams _seams;
    private readonly CancellationToken _ct;

    private ShareFitting(BlockChain chain, MergePlan plan, SplitSeams seams, CancellationToken ct)
    {
        _map = chain.Map;
        _index = GraphIndex.Of(_map.Model.Graph);
        _chain = chain;
        _plan = plan;
        _seams = seams;
        _ct = ct;
    }

    /// <summary>The plan with fitted shares where they lower the held-out error. Progress counts merged blocks.</summary>
    /// <param name="seams">Of the model whose blocks are merged, with held-out ones.</param>
    public static (MergePlan Plan, ImmutableArray<ShareFit> Report) Run(
        BlockChain chain, MergePlan plan, SplitSeams seams, IProgress<int>? progress, CancellationToken ct)
    {
        var fitting = new ShareFitting(chain, plan, seams, ct);
        var report = ImmutableArray.CreateBuilder<ShareFit>();
        var groups = plan.Groups.ToBuilder();
        for (var place = 0; place < groups.Count; place++)
        {
            if (!groups[place].IsMerge) continue;
            var (group, fit) = fitting.Fit(groups[place], place + 1 < groups.Count ? groups[place + 1].Block : plan.BlockCount);
            groups[place] = group;
            report.Add(fit);
            progress?.Report(1);
        }

        return (plan with { Groups = groups.ToImmutable() }, report.ToImmutable());
    }

    private (MergeGroup Group, ShareFit Report) Fit(MergeGroup group, int next)
    {
        var kept = _map.Blocks[group.Block];
        var others = group.Weights.Keys.Where(b => b != group.Block).ToArray();
        var variables = Enumerable.Range(0, kept.Parameters.Length)
            .Where(role => !InitializerFold.IsLeftOut(_plan.Only, kept.Parameters[role]))
            .SelectMany(role => others
                .Where(b => _map.Blocks[b].Parameters[role].Initializer != kept.Parameters[role].Initializer)
                .Select(b => (Role: role, Block: b)))
            .ToArray();
        var (input, goal) = (_seams.At(group.Block - 1), _seams.At(next - 1));
        var shares = variables.Select(v => group.Weights[v.Block]).ToArray();
        var before = HeldOut(group, variables, shares, input, goal);
        var error = before;
        for (var round = 0; round < Rounds; round++)
        {
            var step = Step(group, variables, shares, input, goal);
            if (step is null || !Improve(group, variables, ref shares, step, input, goal, ref error)) break;
        }

        var improved = error < before;
        var fitted = improved ? With(group, variables, shares) : group;
        var report = Enumerable.Range(0, kept.Parameters.Length).Select(
            role => new FittedShare(kept.Parameters[role].Role, fitted.WeightsOf(role).GetValueOrDefault(group.Block)));
        return (fitted, new ShareFit(group.Block, before, error, improved, [.. report]));
    }

    private bool Improve(
        MergeGroup group,
        (int Role, int Block)[] variables,
        ref double[] shares,
        double[] step,
        SeamPair input,
        SeamPair goal,
        ref double error)
    {
        var factor = 1.0;
        for (var i = 0; i <= Halvings; i++, factor /= 2)
        {
            var moved = shares.Zip(step, (w, d) => w + (factor * d)).ToArray();
            var after = HeldOut(group, variables, moved, input, goal);
            if (!(after < error)) continue;
            (shares, error) = (moved, after);
            return true;
        }

        return false;
    }

    /// <summary>The Gauss-Newton step; null where its equations have no stable solution.</summary>
    private double[]? Step(MergeGroup group, (int Role, int Block)[] variables, double[] shares, SeamPair input, SeamPair goal)
    {
        var part = Part(group, variables, shares);
        using var current = _chain.RunBlock(part, input.Fit, null, null, _ct);
        var n = variables.Length;
        var slopes = new SeamActivations[n];
        try
        {
            for (var v = 0; v < n; v++)
            {
                var moved = (double[])shares.Clone();
                moved[v] += Move;
                slopes[v] = _chain.RunBlock(Part(group, variables, moved), input.Fit, null, null, _ct);
            }

            return Solve(slopes, current, goal.Fit);
        }
        finally
        {
            foreach (var slope in slopes) slope?.Dispose();
        }
    }

    private double[]? Solve(SeamActivations[] slopes, SeamActivations current, SeamActivations goal)
    {
        var (n, size) = (slopes.Length, goal.Set.Length * goal.Width);
        var equations = new NormalEquations(n, 1);
        var (y, t, moved) = (new float[size], new float[size], new float[size]);
        var (x, r) = (new float[size * n], new float[size]); // [tokens * width, variables], [tokens * width]
        for (var sample = 0; sample < goal.Set.Count; sample++)
        {
            _ct.ThrowIfCancellationRequested();
            current.ReadFloats(sample, y);
            goal.ReadFloats(sample, t);
            for (var i = 0; i < size; i++) r[i] = t[i] - y[i];
            for (var v = 0; v < n; v++)
            {
                slopes[v].ReadFloats(sample, moved);
                for (var i = 0; i < size; i++) x[(i * n) + v] = (moved[i] - y[i]) / (float)Move;
            }

            equations.Add(x, r);
        }

        return new RidgeSolver(equations.TakeGram(false), n).Solve(equations.TakeCross(false), Ridge);
    }

    private double HeldOut(MergeGroup group, (int Role, int Block)[] variables, double[] shares, SeamPair input, SeamPair goal)
    {
        using var part = _chain.Open(Part(group, variables, shares), input.HeldOut!, _ct);
        return StreamRows.Error(part, input.HeldOut!, goal.HeldOut!, null, _ct);
    }

    /// <summary>The merged block, in the place of the kept one and with all others as they were.</summary>
    private BlockPart Part(MergeGroup group, (int Role, int Block)[] variables, double[] shares)
    {
        var script = new EditScript();
        InitializerFold.Fold(_map, _index, With(group, variables, shares), _plan.Only, script);
        return BlockPart.Of(GraphEditor.Apply(_map.Model, script), _map, group.Block);
    }

    private MergeGroup With(MergeGroup group, (int Role, int Block)[] variables, double[] shares)
    {
        var fitted = _map.Blocks[group.Block].Parameters.Select((parameter, role) =>
        {
            var weights = ImmutableSortedDictionary.CreateBuilder<int, double>();
            for (var v = 0; v < variables.Length; v++)
            {
                if (variables[v].Role == role) weights[variables[v].Block] = shares[v];
            }

            weights[group.Block] = 1 - weights.Values.Sum();
            return new FittedWeights(parameter.Role, weights.ToImmutable());
        });
        return group with { Fitted = [.. fitted] };
    }
}
