using System.Collections.Immutable;
using OnnxMka.Blocks;
using OnnxMka.Calibration;
using OnnxMka.Graph;
using OnnxMka.Planning;
using OnnxMka.Runtime;

namespace OnnxMka.Verification;

/// <summary>
/// Reads the written model back from disk and proves it: its blocks are those of the plan, its merged tensors are mixed, it loads
/// and decodes step by step as it does at once.
/// </summary>
public static class Verifier
{
    /// <summary>Float rounding that even a perfect export may show between prefill and steps: 2^-23 times some hundred roundings.</summary>
    private const double RoundingFloor = 1e-4;

    /// <summary>
    /// All verdicts. The tolerance of the step check is ten times what the input model shows for the same test, and at least
    /// <c>1e-4</c>.
    /// </summary>
    public static ImmutableArray<Verdict> Verify(
        BlockMap original, MergePlan plan, string modelPath, CalibrationSet? probe, ExecutionTarget target)
    {
        var emitted = OnnxModel.Load(modelPath);
        var map = plan.Groups.Length > 1 ? BlockDetector.Detect(emitted) : null;
        var verdicts = ImmutableArray.CreateBuilder<Verdict>();
        if (map is not null)
            verdicts.Add(new Verdict("blocks", Math.Abs(map.Count - plan.Groups.Length), 0, $"the plan leaves {plan.Groups.Length}"));
        if (probe is null || map is null) return verdicts.ToImmutable();
        var ids = probe.Samples.MaxBy(s => s.Length)!.AsSpan();
        if (ids.Length < StepCheck.PrefillTokens + StepCheck.DecodeSteps) return verdicts.ToImmutable();
        var expected = Steps(original, ids, target);
        verdicts.Add(new Verdict(
            "prefill equals decode", Steps(map, ids, target), Math.Max(10 * expected, RoundingFloor), $"ten times the input's own {expected:0.0e+0}, at least {RoundingFloor:0e+0}"));
        return verdicts.ToImmutable();
    }

    private static double Steps(BlockMap map, ReadOnlySpan<int> ids, ExecutionTarget target)
    {
        using var session = DecoderSession.Load(map.Model, map, target);
        return StepCheck.Difference(session, ids);
    }
}
