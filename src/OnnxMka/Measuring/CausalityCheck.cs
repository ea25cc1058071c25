using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
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

    private const int Tokens = StepCheck.PrefillTokens + StepCheck.DecodeSteps;

    /// <summary>Refuses a model without cache whose answers to a prefix change with what follows it.</summary>
    public static void Refuse(BlockMap map, ReadOnlySpan<int> ids, ExecutionTarget target)
    {
        if (map.Blocks.Any(b => b.KvInputs.Length > 0) || ids.Length < Tokens) return;
        using var session = DecoderSession.Load(map, target);
        if (session.Ports.TokensAtOnce is { } tokens && tokens < Tokens) return;
        if (Difference(map, session, ids, target) > Threshold) throw Encoder(map);
    }

    /// <summary>The same of a model that runs one block at a time: what the last block leaves is compared.</summary>
    internal static void Refuse(BlockMap map, ReadOnlySpan<int> ids, RunPlan run, ExecutionTarget target)
    {
        if (run.Mode == RunMode.Whole) Refuse(map, ids, target);
        if (run.Mode == RunMode.Whole || map.Blocks.Any(b => b.KvInputs.Length > 0) || ids.Length < Tokens) return;
        var (whole, prefix) = (LastSeam(map, ids[..Tokens].ToArray(), run.Chain, target), LastSeam(map, ids[..StepCheck.PrefillTokens].ToArray(), run.Chain, target));
        if (LogitRows.Distance(prefix, whole.AsSpan(0, prefix.Length)) / LogitRows.Scale(whole) > Threshold) throw Encoder(map);
    }

    private static float[] LastSeam(BlockMap map, int[] ids, ChainOptions options, ExecutionTarget target)
    {
        using var stream = BlockChain.Of(map, target, options).RunBlocks(new CalibrationSet([ids], ids.Length, "", ""));
        var values = new float[ids.Length * stream.Width];
        stream.ReadFloats(0, values);
        return values;
    }

    private static RefusedException Encoder(BlockMap map) =>
        new("MKA014", map.Logits, "its first positions change with later tokens, so this is an encoder", "Only decoder-only LLMs are supported");

    /// <summary>Where the graph answers for the last token alone, the stream tells: what the last block leaves has a row for each.</summary>
    private static double Difference(BlockMap map, DecoderSession session, ReadOnlySpan<int> ids, ExecutionTarget target)
    {
        if (!session.AnswersLastAlone) return StepCheck.Difference(session, ids);
        var (script, seam) = (new EditScript(), map.Blocks[^1].Output);
        foreach (var output in map.Model.Graph.Outputs) script.Add("stream", new GraphEdit.DropOutputPort(output.Name));
        SeamAccess.Expose(map.Model, seam, script, "stream");
        script.Add("stream", new GraphEdit.AddOutputPort(seam.Value, ElementType.Undefined));
        using var stream = DecoderSession.Load(map with { Model = GraphEditor.Apply(map.Model, script), Logits = seam.Value }, target);
        return StepCheck.PrefixDifference(stream, ids[..Tokens]);
    }
}
