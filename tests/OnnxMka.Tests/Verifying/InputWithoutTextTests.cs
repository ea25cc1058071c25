using OnnxMka.Forge;
using OnnxMka.Jobs;
using OnnxMka.Outcomes;
using OnnxMka.Tests.Running.Sessions;

namespace OnnxMka.Tests.Verifying;

/// <summary>
/// What is made of models without a tokenizer is loaded and stepped all the same, and an input that gives no numbers is the one that is
/// blamed.
/// </summary>
public sealed class InputWithoutTextTests
{
    private readonly List<string> _notes = [];

    [Theory]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama))]
    [InlineData(nameof(LlamaPresets.GenAiTiedTable))]
    [InlineData(nameof(LlamaPresets.InputsEmbeds))]
    [InlineData(nameof(QuantisedPresets.MatMulNBits4SharedTable))]
    public void Random_ids_serve_to_load_and_step_the_result(string preset)
    {
        using var form = new BuiltDecoder(preset);
        var result = Drop(form, 1, evaluate: true);
        Assert.Contains(
            result.Verdicts,
            v => v.Check == "prefill equals decode" && v.Derivation.Contains("random token ids", StringComparison.Ordinal));
        Assert.Contains(_notes, n => n.Contains("random token ids", StringComparison.Ordinal));
        Assert.Null(result.Quality);
    }

    [Fact]
    public void A_result_that_does_not_run_is_found_without_text()
    {
        using var form = new BuiltDecoder(nameof(LlamaPresets.TorchScriptLlama), Disguises.LateFailure);
        Assert.Equal("MKA026", Assert.Throws<RefusedException>(() => Drop(form, 1, evaluate: true)).Refusal.Code);
    }

    [Theory]
    [InlineData(2, "block 2")]
    [InlineData(-1, "logits")]
    public void The_first_block_of_the_input_that_gives_no_number_is_named_though_the_result_is_healthy(int block, string where)
    {
        var model = Presets.ByName(nameof(LlamaPresets.TorchScriptLlama)).Model();
        var weights = model.Weights;
        if (block < 0) weights = weights with { FinalNorm = weights.FinalNorm!.Map(_ => float.NaN) };
        else weights = weights with { Blocks = weights.Blocks.SetItem(block, Broken(weights.Blocks[block])) };
        using var form = new BuiltDecoder(model with { Weights = weights });
        var refusal = Assert.Throws<RefusedException>(() => Drop(form, 2, evaluate: false)).Refusal;
        Assert.Equal(("MKA033", where), (refusal.Code, refusal.Where));
        // The same where the result is only evaluated, not stepped.
        refusal = Assert.Throws<RefusedException>(() => Drop(form, 2, evaluate: true, verify: false, ids: form.IdFile())).Refusal;
        Assert.Equal(("MKA033", where), (refusal.Code, refusal.Where));
        Assert.NotNull(Drop(form, 2, evaluate: false, verify: false).Emitted);
    }

    private static System.Collections.Immutable.ImmutableSortedDictionary<Role, WeightTensor> Broken(
        System.Collections.Immutable.ImmutableSortedDictionary<Role, WeightTensor> block) =>
        block.SetItem(Role.PostNorm, block[Role.PostNorm].Map(_ => float.NaN));

    private CompressionResult Drop(BuiltDecoder form, int block, bool evaluate, bool verify = true, string? ids = null) => Compressor.Run(
        new CompressionOptions
        {
            Input = form.Path,
            Output = new() { Path = form.Other, Force = true },
            Recipe = RecipeOf.Drop(block) with { Calibration = new() { IdsFile = ids, Length = 16 } },
            Evaluate = evaluate,
            Verify = verify,
        },
        new Notes(_notes));

    private sealed class Notes(List<string> notes) : IProgressSink
    {
        public IStage Begin(string name, long total, string unit) => NoProgress.Instance;

        public void Note(string text) => notes.Add(text);
    }
}
