using System.Collections.Immutable;
using OnnxMka.Blocks;
using OnnxMka.Calibration;
using OnnxMka.Graph;
using OnnxMka.Runtime;

namespace OnnxMka.Verification;

/// <summary>
/// Reads the written model back from disk and proves it: its cache ports are those of the plan, its merged tensors are mixed, it loads
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
    /// <param name="remaining">Blocks that the output must have.</param>
    /// <param name="probe">Token sequences to run; null where nothing can be run.</param>
    public static ImmutableArray<Verdict> Verify(BlockMap original, BlockMap remaining, string modelPath, CalibrationSet? probe, ExecutionTarget target)
    {
        var emitted = OnnxModel.Load(modelPath);
        var map = remaining with { Model = emitted };
        var verdicts = ImmutableArray.CreateBuilder<Verdict>();
        verdicts.Add(new Verdict("cache ports", MissingPorts(map) + ExtraPorts(original, map), 0, $"those of {remaining.Count} blocks and no others"));
        var ids = probe?.Samples.MaxBy(s => s.Length);
        if (ids is null || ids.Length < StepCheck.PrefillTokens + StepCheck.DecodeSteps) return verdicts.ToImmutable();
        CausalityCheck.Refuse(original, ids, target);
        var expected = Steps(original, ids, target);
        verdicts.Add(new Verdict(
            "prefill equals decode", Steps(map, ids, target), Math.Max(10 * expected, RoundingFloor), $"ten times the input's own {expected:0.0e+0}, at least {RoundingFloor:0e+0}"));
        return verdicts.ToImmutable();
    }

    private static int MissingPorts(BlockMap map)
    {
        var ports = map.Model.Graph.Inputs.Concat(map.Model.Graph.Outputs).Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        return map.Blocks.SelectMany(b => b.KvInputs.Concat(b.KvOutputs)).Count(p => !ports.Contains(p.Name));
    }

    private static int ExtraPorts(BlockMap original, BlockMap map)
    {
        var removed = original.Blocks.Sum(b => b.KvInputs.Length + b.KvOutputs.Length) - map.Blocks.Sum(b => b.KvInputs.Length + b.KvOutputs.Length);
        return Math.Abs(Ports(original) - removed - Ports(map));
    }

    private static int Ports(BlockMap map) => map.Model.Graph.Inputs.Count + map.Model.Graph.Outputs.Count;

    private static double Steps(BlockMap map, ReadOnlySpan<int> ids, ExecutionTarget target)
    {
        using var session = DecoderSession.Load(map, target);
        return StepCheck.Difference(session, ids);
    }
}
