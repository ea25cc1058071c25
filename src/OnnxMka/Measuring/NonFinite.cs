using OnnxMka.Running.Activations;
using OnnxMka.Running.Sessions;
using OnnxMka.Structure;

namespace OnnxMka.Measuring;

/// <summary>A model whose logits are no numbers: nothing that is made from it can be compared with it.</summary>
internal static class NonFinite
{
    /// <summary>Names the first block whose output is not finite (MKA033).</summary>
    public static RefusedException In(BlockMap map, ReadOnlySpan<int> ids, ExecutionTarget target)
    {
        var tap = ActivationTap.On(map, Pooling.Mean);
        var tapped = map with { Model = tap.Model };
        using var session = DecoderSession.Load(tapped, DecoderPorts.OfProbe(tapped), target);
        var block = session.Ports.TokensAtOnce is null
            ? Array.FindIndex(session.Outputs(ids, 1, tap.Outputs), o => o.Values.Any(v => !float.IsFinite(v)))
            : -1;
        return block >= 0
            ? Refused($"block {map.Blocks[block].Name}", "its output is not finite in the model as it was given")
            : Refused(map.Logits, "it is not finite in the model as it was given, though what every block leaves is");
    }

    private static RefusedException Refused(string where, string what) => new(
        "MKA033",
        where,
        what,
        "The model overflows or its weights hold NaN, so there is nothing to compare the result with "
        + "(--no-eval --no-verify leaves that out); fp16 models may need fp32");
}
