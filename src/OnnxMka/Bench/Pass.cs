using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;

namespace OnnxMka.Bench;

/// <summary>
/// Goes through the units of a model in order, from the first cut to the end, each on the stream that the changed prefix gives:
/// <code>
/// stream -> unit, changed by the work -> what it leaves -> next unit
///                                        | held-out error against the original seam that the next kept unit expects
/// </code>
/// A change is kept where it lowers that error; kept weights lie in a scratch file, and the whole graph is edited at the end.
/// </summary>
internal sealed class Pass
{
    private readonly CompensatedModel _model;
    private readonly MergePlan _plan;
    private readonly SplitSeams _seams;
    private readonly IUnitWork _work;
    private readonly BlockChain _chain;
    private readonly IProgress<int>? _progress;
    private readonly CancellationToken _ct;
    private readonly ImmutableArray<CompensationStep>.Builder _steps = ImmutableArray.CreateBuilder<CompensationStep>();

    private Pass(
        CompensatedModel model,
        MergePlan plan,
        SplitSeams seams,
        IUnitWork work,
        BlockChain chain,
        IProgress<int>? progress,
        CancellationToken ct)
    {
        _model = model;
        _plan = plan;
        _seams = seams;
        _work = work;
        _chain = chain;
        _progress = progress;
        _ct = ct;
    }

    /// <summary>Units that are worked through, for progress.</summary>
    public static int Work(MergePlan plan, IUnitWork work) => plan.Groups.Length - First(plan, work);

    /// <summary>Place of the first unit that is worked on; behind the last where there is nothing to do.</summary>
    private static int First(MergePlan plan, IUnitWork work)
    {
        var last = plan.Groups.Length;
        var changed = plan.Groups.Select((g, i) => work.Changes(g.Block) ? i : last).DefaultIfEmpty(last).Min();
        // A model whose start went is another one from its first unit on.
        return changed < last && plan.Groups[0].Block > 0 ? 0 : Math.Min(changed, Cuts(plan) is [var cut, ..] ? cut : last);
    }

    /// <summary>The changed model and what was done. Refuses models that cannot be run block by block. Progress counts units.</summary>
    /// <param name="reduced">What <paramref name="plan"/> left of the model that the seams are of.</param>
    /// <param name="seams">Of the original model. Without held-out seams every change is kept.</param>
    /// <param name="scratch">Takes the changed weights; it must outlive the model.</param>
    public static (ReducedModel Model, ImmutableArray<CompensationStep> Steps) Run(
        ReducedModel reduced,
        MergePlan plan,
        SplitSeams seams,
        IUnitWork work,
        ChainOptions chain,
        ExecutionTarget target,
        ScratchFile scratch,
        IProgress<int>? progress = null,
        CancellationToken ct = default)
    {
        if (Work(plan, work) == 0) return (reduced, []);
        var model = new CompensatedModel(reduced.Blocks, scratch);
        var pass = new Pass(model, plan, seams, work, BlockChain.Of(model.Map, target, chain), progress, ct);
        pass.Run();
        if (!pass._steps.Any(s => s.Kept)) return (reduced, pass._steps.ToImmutable());
        var blocks = model.Blocks();
        return (reduced with { Model = blocks.Model, Blocks = blocks }, pass._steps.ToImmutable());
    }

    /// <summary>Places of the kept units behind which others were removed.</summary>
    private static ImmutableArray<int> Cuts(MergePlan plan) =>
        [.. Enumerable.Range(0, plan.Groups.Length).Where(i => Next(plan, i) > plan.Groups[i].Block + 1)];

    /// <summary>Original number of the kept unit that follows; that behind the last where none does.</summary>
    private static int Next(MergePlan plan, int place) => place + 1 < plan.Groups.Length ? plan.Groups[place + 1].Block : plan.BlockCount;

    private void Run()
    {
        var cuts = Cuts(_plan);
        var first = First(_plan, _work);
        if (_plan.Groups[0].Block > 0 && first > 0)
            Report(0, "the start of the model", null, null, null, false, "no kept block stands before this cut");
        SeamPair? stream = null;
        try
        {
            for (var place = first; place < _plan.Groups.Length; place++)
            {
                var before = place == 0 ? -1 : _plan.Groups[place].Block - 1;
                var (input, goal) = (stream ?? _seams.At(before), _seams.At(Next(_plan, place) - 1));
                using var unit = new UnitBench(place, cuts.Contains(place), _model, _chain, input, goal, _work.EachToken, _ct)
                {
                    Unit = _plan.Groups[place].Block,
                };
                foreach (var proposal in _work.On(unit)) Try(unit, proposal);
                var next = place + 1 < _plan.Groups.Length ? unit.Moved() : null;
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

    private void Try(UnitBench unit, Proposal proposal)
    {
        if (proposal.Obstacle is { } obstacle)
        {
            Report(unit.Place, proposal.Place, null, null, null, false, obstacle);
            return;
        }

        var before = unit.Error();
        if (proposal.IsRequired)
        {
            unit.Change(proposal.Ways.Single().Make()!);
            Report(unit.Place, proposal.Place, before, unit.Error(), null, true, null);
            return;
        }

        double? after = null, ridge = null;
        foreach (var way in proposal.Ways)
        {
            ridge = way.Ridge;
            if (way.Make() is not { } edit) continue;
            (after, var kept) = unit.Try(edit);
            if (!kept) continue;
            Report(unit.Place, proposal.Place, before, after, ridge, true, null);
            return;
        }

        Report(
            unit.Place,
            proposal.Place,
            before,
            after,
            ridge,
            false,
            after is null ? "its equations have no stable solution" : "held-out error does not fall");
    }

    private void Report(int place, string what, double? before, double? after, double? ridge, bool kept, string? note) =>
        _steps.Add(new CompensationStep(_plan.Groups[place].Block, what, before, after, ridge, kept, note));
}
