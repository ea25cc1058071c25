using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Jobs;
using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Tests.Running.Sessions;
using OnnxMka.Verification;

namespace OnnxMka.Tests.Verifying;

/// <summary>
/// The step check can fail: it reaches past constant windows, is not made where it would pass whatever the caches hold, and finds what is
/// wrong.
/// </summary>
public sealed class StepVerdictTests
{
    private const string StepByStep = "prefill equals decode";
    private readonly List<string> _notes = [];

    [Theory]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama), 0)]
    [InlineData(nameof(TopologyPresets.Gemma2Sandwich), 6)] // in the arithmetic of the mask
    [InlineData(nameof(TopologyPresets.GenAiGemma2), 6)] // an attribute of attention
    [InlineData(nameof(LlamaPresets.GenAiLongRope), 40)] // a length that another table begins at
    public void Constant_lengths_of_a_graph_are_found(string preset, int window)
    {
        using var form = new BuiltDecoder(preset);
        Assert.Equal(window, GraphLengths.Of(form.Map).Window);
    }

    [Theory]
    [InlineData(nameof(LayerNormPresets.OptPreNorm))] // rows of a learned table
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqa))] // rows of the rotary tables
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqaPackedInOpRotary))]
    [InlineData(nameof(LlamaPresets.MobiusOpset23))]
    public void No_more_tokens_are_read_than_tables_have_rows_for(string preset)
    {
        using var form = new BuiltDecoder(preset);
        Assert.InRange(GraphLengths.Of(form.Map).Room ?? 0, 100, 130);
    }

    [Fact]
    public void Sizes_of_caches_are_windows_where_tokens_are_put_behind_them_and_room_where_they_are_written_in()
    {
        using var cut = new BuiltDecoder(nameof(LlamaPresets.TorchScriptLlama), m => Disguises.CutCaches(m, 24));
        using var rolled = new BuiltDecoder(nameof(LlamaPresets.TorchScriptLlama), m => Disguises.Fixed(m, "past_sequence_length", 33));
        using var written = new BuiltDecoder(nameof(LlamaPresets.MobiusOpset23), m => Disguises.WrittenCaches(m, 48));
        Assert.Equal((24, null), (GraphLengths.Of(cut.Map).Window, GraphLengths.Of(cut.Map).Buffer));
        Assert.Equal((33, null), (GraphLengths.Of(rolled.Map).Window, GraphLengths.Of(rolled.Map).Buffer));
        Assert.Equal((0, 48), (GraphLengths.Of(written.Map).Window, GraphLengths.Of(written.Map).Buffer));
    }

    /// <summary>
    /// The window of 24 is longer than the 16 tokens that are always read: caches that keep fewer tokens than attention looks at, or fewer
    /// than the model needs, are right up to there and wrong beyond.
    /// </summary>
    [Fact]
    public void A_fault_that_shows_beyond_a_window_fails_the_output()
    {
        using var input = new BuiltDecoder(Windowed(24), Disguises.WithoutMask);
        using var output = new BuiltDecoder(Windowed(24).Without(3), m => Disguises.CutCaches(Disguises.WithoutMask(m), 20));
        var verdict = Verify(input, output);
        Assert.Equal((StepByStep, false), (verdict.Check, verdict.Passed));
        // The control: without the step past the window nothing is seen, and an output whose caches are whole passes.
        using (var session = OnnxMka.Running.Sessions.DecoderSession.Load(output.Map, ExecutionTarget.Cpu))
            Assert.InRange(StepCheck.Difference(session, output.Ids(16)), 0, 1e-5);
        using var right = new BuiltDecoder(Windowed(24).Without(3), Disguises.WithoutMask);
        verdict = Verify(input, right);
        Assert.Equal((StepByStep, true), (verdict.Check, verdict.Passed));
        Assert.Contains("32 tokens", verdict.Derivation, StringComparison.Ordinal);
        Assert.Empty(_notes);
    }

    [Fact]
    public void An_input_that_is_stepped_otherwise_gets_no_verdict_on_steps()
    {
        using var input = new BuiltDecoder(nameof(LlamaPresets.TorchScriptLlama), Disguises.NewTokensOnly);
        using var output = new BuiltDecoder(Shorter(), Disguises.NewTokensOnly);
        var verdict = Verify(input, output);
        Assert.Equal(("prefix equals whole", true), (verdict.Check, verdict.Passed));
        Assert.Contains(_notes, n => n.Contains("not understood", StringComparison.Ordinal));
    }

    [Fact]
    public void An_input_that_agrees_with_itself_only_up_to_a_length_is_compared_up_to_there()
    {
        using var input = new BuiltDecoder(nameof(LlamaPresets.TorchScriptLlama), m => Disguises.CutCaches(Disguises.WithoutMask(m), 20));
        using var output = new BuiltDecoder(Shorter(), m => Disguises.CutCaches(Disguises.WithoutMask(m), 20));
        var verdict = Verify(input, output);
        Assert.Equal((StepByStep, true), (verdict.Check, verdict.Passed));
        Assert.Contains("16 tokens", verdict.Derivation, StringComparison.Ordinal);
        Assert.Contains(
            _notes, n => n.Contains("the step check read 16 tokens, since of 28, tokens get other answers", StringComparison.Ordinal));
    }

    [Fact]
    public void A_window_that_is_longer_than_what_is_read_is_said()
    {
        using var input = new BuiltDecoder(Windowed(5000));
        // Rotary angles are computed, so that nothing limits the length but what is reasonable to run.
        var probe = StepProbe.Of(input.Map, input.Map, null, new RunningOptions(), _ => { })!;
        Assert.Equal((2048, 5000, false), (probe.Ids.Length, probe.Window, probe.Passed));
        _ = Verifier.Verify(input.Map, input.Map, input.Path, probe with { Ids = probe.Ids[..16] }, ExecutionTarget.Cpu, _notes.Add);
        Assert.Contains(_notes, n => n.Contains("constant length of 5000 tokens and the step check read 16", StringComparison.Ordinal));
        // A window beyond the table of positions is never reached.
        using var shorter = new BuiltDecoder(nameof(LayerNormPresets.OptPreNorm));
        Assert.True(StepProbe.Of(shorter.Map, shorter.Map, null, new RunningOptions(), _ => { })!.Passed);
    }

    [Fact]
    public void An_output_that_does_not_run_where_the_input_does_fails()
    {
        using var input = new BuiltDecoder(nameof(LlamaPresets.TorchScriptLlama));
        using var output = new BuiltDecoder(Shorter(), Disguises.LateFailure);
        Assert.Contains(
            "late_reshape", Assert.Throws<VerificationException>(() => Verify(input, output)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1e-6, 0.9, true)]
    [InlineData(1e-2, 0.9, false)] // more than fp32 rounds
    [InlineData(1e-4, 9e-4, false)] // as much as forgetting the text makes
    [InlineData(double.NaN, 0.9, false)]
    public void Steps_are_understood_where_they_differ_by_rounding_and_a_fault_would_show(
        double difference, double alone, bool understood) =>
        Assert.Equal(understood, new Stepping(difference, alone, 16).IsUnderstood(1e-3));

    [Theory]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama), 1e-3)]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqaFp16), 0.03)]
    [InlineData(nameof(QuantisedPresets.QdqInt4), 0.2)]
    public void Rounding_is_that_of_the_coarsest_arithmetic(string preset, double most)
    {
        using var form = new BuiltDecoder(preset);
        Assert.Equal(most, Rounding.Of(form.Map.Model));
        using var session = OnnxMka.Running.Sessions.DecoderSession.Load(form.Map, ExecutionTarget.Cpu);
        Assert.InRange(StepCheck.Difference(session, form.Ids(16)), 0, most / 2);
    }

    private static DecoderModel Shorter() => Presets.ByName(nameof(LlamaPresets.TorchScriptLlama)).Model().Without(3);

    private static DecoderModel Windowed(int window)
    {
        var model = Presets.ByName(nameof(LlamaPresets.TorchScriptLlama)).Model();
        return model with { Spec = model.Spec with { Blocks = [.. model.Spec.Blocks.Select(b => b with { Window = window })] } };
    }

    /// <summary>The verdict on steps of a model that takes the place of what was made of the input.</summary>
    private Verdict Verify(BuiltDecoder input, BuiltDecoder output)
    {
        var options = new RunningOptions();
        var set = new OnnxMka.Running.Tokens.CalibrationSet([input.Ids(16), input.Ids(16, 50)], 16, "ids", "");
        var probe = StepProbe.Of(input.Map, output.Map, set, options, _notes.Add);
        var verdicts = Verifier.Verify(input.Map, output.Map, output.Path, probe, ExecutionTarget.Cpu, _notes.Add);
        return Assert.Single(verdicts, v => v.Check != "ports");
    }
}
