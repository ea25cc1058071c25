using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Outcomes;

namespace OnnxMka.Bench;

/// <summary>Passes on a bench.</summary>
internal static class BenchPass
{
    /// <summary>
    /// A pass over a state's units (<see cref="Pass"/>). Where nothing was removed or is to be cut there is nothing to do, and where
    /// nothing was kept the state is the one that came in.
    /// </summary>
    /// <param name="name">What did it, for lineage and people.</param>
    public static (ModelState State, ImmutableArray<CompensationStep> Steps) InOrder(
        this Workbench bench, ModelState state, IUnitWork work, TextAmount amount, string name)
    {
        var plan = state.Lineage.Plan;
        if (Pass.Work(plan, work) == 0) return (state, []);
        return bench.WithSeams(amount, seams =>
        {
            if (work.Announced(bench.Input.Structure, seams.Fit.Set.TokenCount) is { } line) bench.NoteOnce(line);
            if (bench.Outlook.BeforePass(bench.Input.Structure, bench.Text(amount), work, Pass.Work(plan, work)) is { } time)
                bench.Progress.Note($"{name}: {time}");
            using var stage = bench.Progress.Begin($"compensate ({name})", Pass.Work(plan, work), "blocks");
            var scratch = new ScratchFile();
            try
            {
                var (model, steps) = Pass.Run(
                    state.Reduced,
                    plan,
                    seams,
                    work,
                    bench.Runner.ChainOptions,
                    bench.Running.Target,
                    scratch,
                    stage.AsIncrement<int>(),
                    bench.Stop);
                var changed = steps.Where(s => s.Kept).Select(s => plan.PlaceOf(s.Block));
                var next = state with { Reduced = model, Lineage = state.Lineage.WithChanged(changed, name) };
                if (scratch.Length > 0) return (next with { Scratch = state.Scratch.Add(scratch) }, steps);
                scratch.Dispose();
                return (next, steps);
            }
            catch (Exception e)
            {
                scratch.Dispose();
                if (e is IOException)
                    throw new OutputException($"Cannot keep corrected weights in {Path.GetTempPath()}: {e.Message.TrimEnd('.')}.", e);
                throw;
            }
        });
    }
}
