using OnnxMka.Blocks;
using OnnxMka.Runtime;

namespace OnnxMka.Verification;

/// <summary>
/// Tells a decoder exported without cache from an encoder, which looks the same: in a decoder no position depends on later ones,
/// so a prefix run alone answers as it does within the whole.
/// </summary>
public static class CausalityCheck
{
    /// <summary>Rounding stays below 1e-4 of the largest value (see <see cref="Verifier"/>); attention to later tokens moves values by percents.</summary>
    private const double Threshold = 1e-2;

    /// <summary>Refuses a model without cache whose answers to a prefix change with what follows it.</summary>
    public static void Refuse(BlockMap map, ReadOnlySpan<int> ids, ExecutionTarget target)
    {
        if (map.Blocks.Any(b => b.KvInputs.Length > 0) || ids.Length < StepCheck.PrefillTokens + StepCheck.DecodeSteps) return;
        using var session = DecoderSession.Load(map, target);
        var difference = StepCheck.Difference(session, ids);
        if (difference > Threshold)
            throw new RefusedException("MKA014", map.Logits, "its first positions change with later tokens, so this is an encoder", "Only decoder-only LLMs are supported");
    }
}
