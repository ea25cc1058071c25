using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Structure;

namespace OnnxMka.Verification;

/// <summary>
/// Reads the written model back from disk and proves it: its ports are those of the plan, it loads, and it decodes step by step as it
/// does at once.
/// </summary>
internal static class Verifier
{
    /// <summary>Float rounding that even a perfect export may show between prefill and steps: 2^-23 times some hundred roundings.</summary>
    private const double RoundingFloor = 1e-4;

    /// <summary>
    /// All verdicts. The tolerance of the step check is ten times what the input model shows for the same tokens, and at least
    /// <c>1e-4</c>. There is no such verdict where it could not fail; a note says why.
    /// </summary>
    /// <param name="remaining">Blocks that the output must have.</param>
    /// <param name="probe">Tokens to run; null where nothing can be run.</param>
    /// <param name="note">Takes what was not checked, for people.</param>
    public static ImmutableArray<Verdict> Verify(
        BlockMap original, BlockMap remaining, string modelPath, StepProbe? probe, ExecutionTarget target, Action<string>? note = null)
    {
        var map = remaining with { Model = OnnxModel.Load(modelPath) };
        var ports = new Verdict(
            "ports", PortCheck.Faults(original, map), 0, $"caches of {remaining.Count} blocks, and no other ports than before");
        if (probe is null || !ports.Passed) return [ports];
        var runner = Runner.Whole(new RunningOptions { Target = target });
        if (!original.TakesEmbeddings) CausalityCheck.Refuse(runner, original, probe.Ids.AsSpan());
        var check = SelfCheck.Of(original, probe, target, note ?? (_ => { }));
        var found = OutputRun.Of(() => check.Again(map, target));
        var allowed = check.Input.Allowed(RoundingFloor);
        if (found.Difference <= allowed && !found.CanFail(allowed))
        {
            note?.Invoke(
                $"decoding step by step was not judged: the output may differ by {allowed:0.0e+0} of its largest logit, and forgetting the "
                    + "text makes no more");
            return [ports];
        }

        var derivation = $"ten times the input's own {check.Input.Difference:0.0e+0}, at least {RoundingFloor:0e+0}; "
            + $"{check.Input.Tokens} tokens, {probe.Source}";
        return [ports, new Verdict(check.Name, found.Difference, allowed, derivation)];
    }
}
