using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Measuring;

/// <summary>
/// Tells a decoder exported without cache from an encoder, which looks the same: in a decoder no position depends on later ones,
/// so a prefix run alone answers as it does within the whole.
/// </summary>
internal static class CausalityCheck
{
    /// <summary>
    /// Rounding stays below 1e-4 of the largest value (2^-23 times some hundred roundings); attention to later tokens moves values by
    /// percents.
    /// </summary>
    private const double Threshold = 1e-2;

    private const int Tokens = StepCheck.PrefillTokens + StepCheck.DecodeSteps;

    /// <summary>
    /// Refuses a model without cache whose answers to a prefix change with what follows it. One block at a time, what the last block leaves
    /// is compared.
    /// </summary>
    /// <param name="ids">A text's beginning; fewer than 16 tokens tell nothing.</param>
    public static void Refuse(Runner runner, BlockMap map, ReadOnlySpan<int> ids)
    {
        if (map.Blocks.Any(b => b.KvInputs.Length > 0) || ids.Length < Tokens) return;
        var difference = runner.Mode == RunMode.Whole ? Whole(map, ids, runner.Options.Target) : ByParts(runner.Chain(map), ids);
        if (difference > Threshold) throw Encoder(map);
    }

    private static double ByParts(BlockChain chain, ReadOnlySpan<int> ids)
    {
        var (whole, prefix) = (LastSeam(chain, ids[..Tokens].ToArray()), LastSeam(chain, ids[..StepCheck.PrefillTokens].ToArray()));
        return LogitRows.Distance(prefix, whole.AsSpan(0, prefix.Length)) / LogitRows.Scale(whole);
    }

    /// <returns>[tokens, width]</returns>
    private static float[] LastSeam(BlockChain chain, int[] ids)
    {
        using var stream = chain.RunBlocks(new CalibrationSet([ids], ids.Length, "", ""));
        var values = new float[ids.Length * stream.Width];
        stream.ReadFloats(0, values);
        return values;
    }

    private static RefusedException Encoder(BlockMap map) =>
        new(
            "MKA014",
            map.Logits,
            "its first positions change with later tokens, so this is an encoder",
            "Only decoder-only LLMs are supported");

    /// <summary>0 of a graph that reads too few tokens at once to tell.</summary>
    private static double Whole(BlockMap map, ReadOnlySpan<int> ids, ExecutionTarget target)
    {
        using var session = DecoderSession.Load(map, target);
        if (session.Ports.TokensAtOnce is { } tokens && tokens < Tokens) return 0;
        if (!session.AnswersLastAlone) return StepCheck.Difference(session, ids);
        // Where the graph answers for the last token alone, the stream tells: what the last block leaves has a row for each.
        var (script, seam) = (new EditScript(), map.Blocks[^1].Output);
        foreach (var output in map.Model.Graph.Outputs) script.Add("stream", new GraphEdit.DropOutputPort(output.Name));
        SeamAccess.Expose(map.Model, seam, script, "stream");
        script.Add("stream", new GraphEdit.AddOutputPort(seam.Value, ElementType.Undefined));
        using var stream = DecoderSession.Load(map with { Model = GraphEditor.Apply(map.Model, script), Logits = seam.Value }, target);
        return StepCheck.PrefixDifference(stream, ids[..Tokens]);
    }
}
