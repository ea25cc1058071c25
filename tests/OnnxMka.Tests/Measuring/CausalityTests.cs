using OnnxMka.Forge;
using OnnxMka.Measuring;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Tokens;
using OnnxMka.Tests.Running.Sessions;

namespace OnnxMka.Tests.Measuring;

/// <summary>An encoder looks like a decoder without cache, until it runs: at once, or one block after the other.</summary>
public sealed class CausalityTests
{
    [Theory]
    [InlineData(RunMode.Whole)]
    [InlineData(RunMode.Chain)]
    public void An_encoder_is_noticed(RunMode mode)
    {
        using var form = new BuiltDecoder(nameof(RefusedPresets.BertEncoder));
        var refusal = Assert.Throws<RefusedException>(() => Refuse(form, mode)).Refusal;
        Assert.Equal("MKA014", refusal.Code);
    }

    /// <summary>The control: the same network with a causal mask.</summary>
    [Theory]
    [InlineData(RunMode.Whole)]
    [InlineData(RunMode.Chain)]
    public void A_decoder_without_cache_is_none(RunMode mode)
    {
        using var form = new BuiltDecoder(nameof(LlamaPresets.TorchScriptLlamaNoCache));
        Refuse(form, mode);
    }

    private static void Refuse(BuiltDecoder form, RunMode mode)
    {
        var ids = form.Ids(16);
        var set = new CalibrationSet([ids], ids.Length, "ids", "");
        CausalityCheck.Refuse(Runner.For(form.Map, set, new RunningOptions { Mode = mode }), form.Map, ids);
    }
}
