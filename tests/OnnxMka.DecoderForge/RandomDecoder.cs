using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>
/// Decoders drawn at random among all combinations that ONNX Runtime's CPU kernels can run. The same seed gives the same decoder.
/// </summary>
public static class RandomDecoder
{
    public static DecoderModel Model(int seed)
    {
        var spec = Spec(seed);
        var weights = RandomWeights.For(spec, seed);
        return new DecoderModel(spec, spec.Form.Sharing == SharingForm.None ? weights : WithEqualNorms(weights, new Random(seed)));
    }

    public static DecoderSpec Spec(int seed)
    {
        var random = new Random(seed);
        var network = RandomNetwork.Draw(random);
        var blocks = RandomNetwork.DrawBlocks(random, network);
        // States come from a sequence of their own: what a seed drew before they were drawn stays as it was.
        (blocks, var form) = new RandomStates(new Random(~seed), network).Draw(blocks, new RandomForm(random, network, blocks).Draw());
        if (form.Attention == AttentionForm.MultiHead || form.Attention == AttentionForm.Packed)
            network = network with { AttentionSoftcap = 0 };
        return new DecoderSpec($"seed {seed}: {Summary(network, blocks, form)}", network, blocks, form);
    }

    private static string Summary(Network n, ImmutableArray<BlockSpec> blocks, GraphForm f)
    {
        var kinds = string.Join('+', blocks.Select(b => b.Mlp).Distinct());
        var mixers = string.Join(
            "", blocks.Select(b => b.Mixer.ToString()[0] + (b.CacheLength > 0 ? $"{b.CacheLength}" : b.Window > 0 ? "w" : "")));
        var functions = f.Functions != FunctionForm.None ? $" functions {f.Functions}" : "";
        var extras = $"{(f.IfMerged ? " If" : "")}{(f.InputsEmbeds ? " embeds" : "")}{functions}";
        var states = $"{f.Numbers}{(f.StatesAreMembers ? " members" : "")}{(f.FusedStates ? " fused" : "")} {f.Symbols} {f.Cut}, length "
            + $"{f.Length}, positions {f.Positions}, logits {f.Logits}"
            + $"{(f.StaticBatch ? ", batch 1" : "")}{(f.WeightInputs ? ", weight inputs" : "")}{(f.OptionalLora ? ", lora" : "")}";
        return $"{blocks.Length} blocks {n.Topology} {kinds} {mixers}, {f.Norm} {f.Join}, {f.Attention} {n.Heads}/{n.KvHeads} "
            + $"{n.Positions} {f.Rotary}, "
            + $"{f.Linear} {f.Qkv}, {f.Dialect} {f.KvPorts} opset {f.Opset}{extras}, states {states}";
    }

    private static DecoderWeights WithEqualNorms(DecoderWeights weights, Random random)
    {
        foreach (var role in weights.Blocks[0].Where(p => p.Value.Shape.Length == 1).Select(p => p.Key).ToArray())
        {
            int[] tied =
            [
                .. Enumerable.Range(0, weights.Blocks.Length).Where(b => weights.Blocks[b].ContainsKey(role) && random.Next(2) == 0),
            ];
            if (tied.Length > 1) weights = weights.Tie(role, tied);
        }

        return weights;
    }
}
