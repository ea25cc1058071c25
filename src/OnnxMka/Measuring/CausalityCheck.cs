using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Running.Sessions;
using OnnxMka.Structure;
using OnnxMka.Verification;

namespace OnnxMka.Measuring;

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
        if (session.Ports.TokensAtOnce is { } tokens && tokens < StepCheck.PrefillTokens + StepCheck.DecodeSteps) return;
        if (Difference(map, session, ids, target) > Threshold)
            throw new RefusedException("MKA014", map.Logits, "its first positions change with later tokens, so this is an encoder", "Only decoder-only LLMs are supported");
    }

    /// <summary>Where the graph answers for the last token alone, the stream tells: what the last block leaves has a row for each.</summary>
    private static double Difference(BlockMap map, DecoderSession session, ReadOnlySpan<int> ids, ExecutionTarget target)
    {
        if (!session.AnswersLastAlone) return StepCheck.Difference(session, ids);
        var (script, seam) = (new EditScript(), map.Blocks[^1].Output);
        foreach (var output in map.Model.Graph.Outputs) script.Add("stream", new GraphEdit.DropOutputPort(output.Name));
        SeamAccess.Expose(map.Model, seam, script, "stream");
        script.Add("stream", new GraphEdit.AddOutputPort(seam.Value, ElementType.Undefined));
        using var stream = DecoderSession.Load(map with { Model = GraphEditor.Apply(map.Model, script), Logits = seam.Value }, target);
        return StepCheck.PrefixDifference(stream, ids[..(StepCheck.PrefillTokens + StepCheck.DecodeSteps)]);
    }
}
