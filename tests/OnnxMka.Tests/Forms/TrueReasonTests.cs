using OnnxMka.Forge;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Forms;

/// <summary>What a refusal says is true of the graph and the options at hand.</summary>
public sealed class TrueReasonTests
{
    private static readonly string[] Softmaxes = [.. Enumerable.Range(0, 4).Select(i => $"/model/layers.{i}/self_attn/Softmax_output_0")];

    [Theory]
    [InlineData("h", "s", "t")]
    [InlineData(2, "s", "t")]
    public void An_output_from_inside_the_layers_is_named_and_not_a_cache(params object[] dims)
    {
        var refusal = Refused(
            m => Disguises.ShownBehind(m, "Identity", Softmaxes.Select((s, i) => (s, $"attentions.{i}")), ["batch_size", .. dims]));
        Assert.Equal(("MKA016", "attentions.0"), (refusal.Code, refusal.Where));
        Assert.Equal("block 0 has 3 outputs of its own and 2 cache inputs, and this one belongs to none of these", refusal.What);
    }

    [Fact]
    public void Weights_that_are_fed_are_told_from_values_that_enter_the_stream()
    {
        var refusal = Refused(Disguises.FedAdapters);
        Assert.Equal(("MKA012", "model.layers.0.self_attn.q_proj.lora_A.weight"), (refusal.Code, refusal.Where));
        Assert.Equal("it feeds weights of block 0 (4 blocks have such an input), as LoRA adapters do", refusal.What);
        Assert.Contains("merged", refusal.Next, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        Method.Mka,
        "the first 1 and last 1 are protected, and only neighbours of one kind merge)",
        "lower --protect-first or --protect-last, or use --method drop")]
    [InlineData(Method.Drop, "the first 1 and last 1 are protected)", "Ask for fewer, or lower --protect-first or --protect-last")]
    public void Advice_is_not_what_was_done_already(Method method, string what, string next)
    {
        var options = new PlanOptions { Method = method, Count = 15 };
        var refusal = Assert.Throws<RefusedException>(() => MergePlanner.CheckRoom(Books16.Map, options)).Refusal;
        Assert.Contains(what, refusal.What, StringComparison.Ordinal);
        Assert.Contains(next, refusal.Next, StringComparison.Ordinal);
        Assert.Equal(method == Method.Mka, refusal.Next.Contains("--method", StringComparison.Ordinal));
    }

    /// <summary>Multimodal decoders have the input too (which tokens are of an image).</summary>
    [Fact]
    public void Token_types_alone_make_no_encoder()
    {
        var decoder = DecoderForge.Build(LlamaPresets.TorchScriptLlama.Model());
        Assert.Equal(4, Detected(Disguises.TokenTypes(decoder)).Count);
        var refusal = Assert.Throws<RefusedException>(
            () => Detected(Disguises.TokenTypes(DecoderForge.Build(LlamaPresets.TorchScriptLlamaNoCache.Model())))).Refusal;
        Assert.Equal(("MKA014", "token_type_ids"), (refusal.Code, refusal.Where));
    }

    private static Refusal Refused(Func<byte[], byte[]> change) =>
        Assert.Throws<RefusedException>(() => Detected(change(DecoderForge.Build(LlamaPresets.TorchScriptLlama.Model())))).Refusal;

    private static BlockMap Detected(byte[] model)
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder["model.onnx"], model);
        return BlockDetector.Detect(Graph.OnnxModel.Load(folder["model.onnx"]));
    }
}
