using OnnxMka.Forge;
using OnnxMka.Jobs;
using OnnxMka.Running.Sessions;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Running.Sessions;

/// <summary>
/// Inputs that exporters ask for are fed with what they mean: each form of one network gives the logits that the builder's own session gets
/// from the plain form, at once, in batches and step by step.
/// </summary>
public sealed class PortMeaningTests
{
    private static readonly Dictionary<string, (string Preset, Func<byte[], byte[]> Disguise)> Forms = new(StringComparer.Ordinal)
    {
        ["plain"] = (nameof(LlamaPresets.TorchScriptLlama), m => m),
        ["added mask"] = (nameof(LlamaPresets.TorchScriptLlama), Disguises.AddedMask),
        ["mask of what is seen"] = (nameof(LlamaPresets.TorchScriptLlama), Disguises.SeenMask),
        ["mask of what is hidden"] = (nameof(LlamaPresets.TorchScriptLlama), Disguises.HiddenMask),
        ["half mask"] = (nameof(LlamaPresets.TorchScriptFp16), Disguises.AddedMask),
        ["three axes"] = (nameof(LlamaPresets.TorchScriptLlama), Disguises.ThreeAxes),
        ["cache position"] = (nameof(LlamaPresets.TorchScriptLlama), Disguises.CachePosition),
        ["logits to keep"] = (nameof(LlamaPresets.TorchScriptLlama), Disguises.LogitsToKeep),
        ["last token"] = (nameof(LlamaPresets.TorchScriptLlama), Disguises.LastTokenLogits),
        ["lengths"] = (nameof(LlamaPresets.GenAiLlamaGqaPackedInOpRotary), Disguises.LengthInputs),
        ["written caches"] = (nameof(LlamaPresets.MobiusOpset23), m => Disguises.WrittenCaches(m, 64)),
        ["one sequence"] = (nameof(LlamaPresets.TorchScriptLlama), m => Disguises.Fixed(m, "batch_size", 1)),
        ["one token"] = (nameof(LlamaPresets.TorchScriptLlama), m => Disguises.Fixed(m, "sequence_length", 1)),
        ["twelve tokens"] = (nameof(LlamaPresets.TorchScriptLlama), m => Disguises.Fixed(m, "sequence_length", 12)),
        ["initializers as inputs"] = (nameof(LlamaPresets.TorchScriptLlama), Disguises.Shuffled),
        ["last token, one sequence"] =
            (nameof(LlamaPresets.TorchScriptLlama), m => Disguises.Fixed(Disguises.LastTokenLogits(m), "batch_size", 1)),
        ["last token, no cache"] = (nameof(LlamaPresets.TorchScriptLlamaNoCache), Disguises.LastTokenLogits),
        ["last token, caches of another kind"] =
            (nameof(LlamaPresets.TorchScriptLlama), m => Disguises.LastTokenLogits(Disguises.NewTokensOnly(m))),
    };

    public static TheoryData<string> Names => new(Forms.Keys);

    [Theory]
    [MemberData(nameof(Names))]
    public void A_form_of_the_network_answers_as_the_network_does(string name)
    {
        var (preset, disguise) = Forms[name];
        using var form = new BuiltDecoder(preset, disguise);
        using var session = OnnxMka.Running.Sessions.DecoderSession.Load(form.Map, ExecutionTarget.Cpu);
        int[] ids = form.Ids(12), others = form.Ids(12, 40);
        var (expected, tolerance) = form.Expected(ids);
        Assert.InRange(LogitTolerance.Distance(expected, session.Logits(ids, 1)), 0, tolerance);
        float[] both = [.. expected, .. form.Expected(others).Logits];
        Assert.InRange(LogitTolerance.Distance(both, session.Logits([.. ids, .. others], 2)), 0, tolerance);
        if (!session.Steps) return;
        // A beginning at once, a step, some at once behind it, and a look ahead that leaves the cache as it is.
        float[] stepped =
        [
            .. session.Step(ids.AsSpan(0, 5)),
            .. session.Step(ids.AsSpan(5, 1)),
            .. session.Step(ids.AsSpan(6, 3)),
            .. session.Peek(ids.AsSpan(9, 3)),
        ];
        Assert.InRange(LogitTolerance.Distance(expected, stepped), 0, tolerance);
        var width = expected.Length / 12;
        Assert.InRange(LogitTolerance.Distance(expected.AsSpan(9 * width), session.Step(ids.AsSpan(9, 3))), 0, tolerance);
        // The control: another cache gives other answers.
        session.Restart();
        session.Step(others.AsSpan(0, 5));
        Assert.True(LogitTolerance.Distance(expected.AsSpan(5 * width, width), session.Step(ids.AsSpan(5, 1))) > 10 * tolerance);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Stepping_is_understood_but_where_caches_hold_something_else(string name)
    {
        var (preset, disguise) = Forms[name];
        using var form = new BuiltDecoder(preset, disguise);
        using var session = OnnxMka.Running.Sessions.DecoderSession.Load(form.Map, ExecutionTarget.Cpu);
        Assert.Equal(name is not ("twelve tokens" or "last token, no cache" or "last token, caches of another kind"), session.Steps);
    }

    [Fact]
    public void One_token_at_once_with_caches_of_another_kind_is_not_understood()
    {
        using var form = new BuiltDecoder(
            nameof(LlamaPresets.TorchScriptLlama), m => Disguises.Fixed(Disguises.NewTokensOnly(m), "sequence_length", 1));
        using var session = OnnxMka.Running.Sessions.DecoderSession.Load(form.Map, ExecutionTarget.Cpu);
        Assert.False(session.Steps);
    }

    [Fact]
    public void An_input_of_unknown_meaning_is_refused_with_the_way_around()
    {
        using var form = new BuiltDecoder(nameof(LlamaPresets.TorchScriptLlama), Disguises.StrangeInput);
        var refusal = Assert.Throws<RefusedException>(() => DecoderPorts.Of(form.Map)).Refusal;
        Assert.Equal(("MKA021", "adapter"), (refusal.Code, refusal.Where));
        Assert.Contains("--no-eval --no-verify", refusal.Next, StringComparison.Ordinal);
        // And that way is one.
        var result = Compressor.Run(
            new CompressionOptions
            {
                Input = form.Path,
                Output = new() { Path = form.Other },
                Recipe = RecipeOf.Drop(1),
                Evaluate = false,
                Verify = false,
            });
        Assert.Equal(3, BlockDetector.Detect(OnnxMka.Graph.OnnxModel.Load(result.Emitted!.ModelPath)).Count);
    }

    [Theory]
    [InlineData("batch_size", 3, "3 sequences at once", 12)]
    [InlineData("sequence_length", 12, "12 tokens at once", 13)]
    public void Sizes_that_are_fixed_otherwise_are_refused_with_their_numbers(string size, int number, string what, int length)
    {
        using var form = new BuiltDecoder(nameof(LlamaPresets.TorchScriptLlama), m => Disguises.Fixed(m, size, number));
        var refusal = Assert.Throws<RefusedException>(() =>
        {
            using var session = OnnxMka.Running.Sessions.DecoderSession.Load(form.Map, ExecutionTarget.Cpu);
            session.Logits(form.Ids(length), 1);
        }).Refusal;
        Assert.Equal("MKA027", refusal.Code);
        Assert.Contains(what, refusal.What, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cache_of_fixed_size_is_filled_to_its_end_and_no_further()
    {
        using var form = new BuiltDecoder(nameof(LlamaPresets.MobiusOpset23), m => Disguises.WrittenCaches(m, 20));
        using var session = OnnxMka.Running.Sessions.DecoderSession.Load(form.Map, ExecutionTarget.Cpu);
        session.Step(form.Ids(19));
        session.Step(form.Ids(1));
        Assert.Contains(
            "room for 20 tokens", Assert.Throws<RefusedException>(() => session.Step(form.Ids(1))).Refusal.What, StringComparison.Ordinal);
        Assert.Equal(20, GraphLengths.Of(form.Map).Fit(128));
    }
}
