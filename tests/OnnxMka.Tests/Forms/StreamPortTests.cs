using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Running.Activations;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;
using OnnxMka.Verification;
using DecoderSession = OnnxMka.Running.Sessions.DecoderSession;

namespace OnnxMka.Tests.Forms;

/// <summary>Models whose outputs show the stream at every seam (<c>hidden_states.N</c>).</summary>
public sealed class StreamPortTests
{
    public static TheoryData<string, int, bool> Forms => new()
    {
        { nameof(LlamaPresets.TorchScriptLlama), 0, true },
        { nameof(LlamaPresets.TorchScriptLlama), 0, false },
        { nameof(LlamaPresets.TorchScriptLlama), 1, true },
        { nameof(LlamaPresets.GenAiLlamaGqa), 0, true },
        { nameof(LayerNormPresets.Gpt2OrtFused), 0, true },
    };

    /// <param name="first">Seam of the first port: 0 with the embeddings.</param>
    /// <param name="normed">The last port shows the final norm.</param>
    [Theory]
    [MemberData(nameof(Forms))]
    public void They_show_what_those_of_the_smaller_model_show(string preset, int first, bool normed)
    {
        using var form = Showing(Presets.ByName(preset).Model(), first, normed);
        var last = form.BlockCount - 1;
        foreach (var blocks in new int[][] { [0], [1], [last], [1, 2], [0, last], [2, last] })
            AssertSame(form, form.Drop(blocks), form.Without(blocks), first, normed);
        AssertSame(form, form.Merge(0, 1, 0.7), form.Merged(0, 1, 0.7), first, normed);
        AssertSame(form, form.Merge(last - 1, last, 0.7), form.Merged(last - 1, last, 0.7), first, normed);
        // The control: another block's absence shows.
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => AssertSame(form, form.Drop(1), form.Without(2), first, normed));
    }

    /// <summary>As exporters write them that copy what they show, and as this tool writes some itself.</summary>
    [Theory]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama), "Identity", false)]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama), "Cast", true)]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqa), "Identity", true)]
    public void They_may_stand_behind_a_copy(string preset, string op, bool normed)
    {
        var model = Presets.ByName(preset).Model();
        using var plain = new FormModel(model);
        var seams = plain.Map.Blocks.Select(b => b.Input.Value)
            .Append(normed ? Disguises.HeadInput(DecoderForge.Build(model)) : plain.Map.Blocks[^1].Output.Value)
            .Select((v, i) => (v, $"hidden_states.{i}"));
        using var form = new FormModel(model, m => Disguises.ShownBehind(m, op, seams, "batch_size", "sequence_length", "width"));
        Assert.Equal(plain.Map.Blocks.Select(b => (b.Kind, b.KvOutputs.Length)), form.Map.Blocks.Select(b => (b.Kind, b.KvOutputs.Length)));
        foreach (var blocks in new int[][] { [0], [1], [form.BlockCount - 1], [1, 2] })
            AssertSame(form, form.Drop(blocks), form.Without(blocks), 0, normed);
        AssertSame(form, form.Merge(1, 2, 0.7), form.Merged(1, 2, 0.7), 0, normed);
    }

    [Fact]
    public void A_model_that_shows_its_stream_can_be_made_smaller_again()
    {
        using var form = Showing(LlamaPresets.TorchScriptLlama.Model(), 0, normed: false);
        using var output = new TempFolder();
        ModelWriter.Plan(ModelRewriter.Apply(form.Map, form.Drop(1)).Model, "model.onnx").Write(output.FullPath);
        using var smaller = new FormModel(form.Without(1), _ => File.ReadAllBytes(output["model.onnx"]));
        AssertSame(smaller, smaller.Drop(1), form.Without(1, 2), 0, normed: false);
    }

    [Fact]
    public void They_do_not_disturb_calibration()
    {
        var set = new CalibrationSet(
            [.. Enumerable.Range(0, 4).Select(i => Enumerable.Range(0, 8).Select(t => ((i * 31) + (t * t * 7)) % 97).ToArray())],
            8,
            "made up",
            "");
        using var form = Showing(LlamaPresets.TorchScriptLlama.Model(), 0, true);
        using var plain = new FormModel(LlamaPresets.TorchScriptLlama.Model());
        var expected = Runners.Whole(2).Pooled(plain.Map, set, Pooling.Mean, NoProgress.Instance);
        var actual = Runners.Whole(2).Pooled(form.Map, set, Pooling.Mean, NoProgress.Instance);
        Assert.Equal(expected.Select(m => m.Values.ToArray()), actual.Select(m => m.Values.ToArray()));
    }

    [Fact]
    public void Ports_that_do_not_tell_their_seam_are_refused()
    {
        var model = LlamaPresets.TorchScriptLlama.Model();
        using var plain = new FormModel(model);
        using var one = new FormModel(model, m => Disguises.Shown(m, [(plain.Map.Blocks[2].Input.Value, "hidden_states.2")]));
        AssertRefused(one, one.Drop(1), "hidden_states.2", "other seams have no such output");
        // Nothing that it shows goes.
        var (difference, tolerance) = one.Compare(one.Drop(2), one.Without(2));
        Assert.True(difference <= tolerance, $"{difference:e2}, at most {tolerance:e2}");
        using var copied = new FormModel(
            model,
            m => Disguises.ShownBehind(
                m,
                "Identity",
                [(plain.Map.Blocks[1].Input.Value, "hidden_states.0"), (plain.Map.Blocks[3].Input.Value, "hidden_states.2")],
                "batch",
                "tokens",
                16));
        AssertRefused(copied, copied.Drop(2), "hidden_states.0", "other seams have no such output");
        (difference, tolerance) = copied.Compare(copied.Drop(1), copied.Without(1));
        Assert.True(difference <= tolerance, $"{difference:e2}, at most {tolerance:e2}");
        using var twice = new FormModel(
            model,
            m => Disguises.ShownBehind(
                m,
                "Identity",
                plain.Map.Blocks.SelectMany(
                    b => new[] { (b.Input.Value, $"hidden_states.{b.Index}"), (b.Input.Value, $"states.{b.Index}") }),
                "batch",
                "tokens",
                16));
        AssertRefused(twice, twice.Drop(2), "hidden_states.0", "several outputs show it at one place");
        using var nameless = new FormModel(
            model, m => Disguises.Shown(m, plain.Map.Blocks.Select((b, i) => (b.Input.Value, $"state_{"dcba"[i]}"))));
        AssertRefused(nameless, nameless.Drop(1), "state_d", "the names do not count the layers");
        using var halves = Showing(model, 0, true, Granularity.Sublayer);
        AssertRefused(halves, halves.Drop(2), "hidden_states.0", "halves of layers are removed");
        // An MLP less is no layer less.
        Assert.Equal(
            halves.Map.Model.Graph.Outputs.Select(o => o.Name),
            ModelRewriter.Apply(halves.Map, halves.Drop(3)).Model.Graph.Outputs.Select(o => o.Name));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void Ports_at_the_ends_of_the_stream_keep_their_names(int removed)
    {
        var model = LlamaPresets.TorchScriptLlama.Model();
        using var plain = new FormModel(model);
        using var form = new FormModel(
            model,
            m => Disguises.Shown(m, [(plain.Map.Blocks[0].Input.Value, "embedded"), (plain.Map.Blocks[^1].Output.Value, "unnormed")]));
        var dropped = ModelRewriter.Apply(form.Map, form.Drop(removed));
        using var reference = new FormModel(form.Without(removed));
        using var session = DecoderSession.Load(dropped.Blocks, ExecutionTarget.Cpu);
        var tap = ActivationTap.On(reference.Map, Pooling.Last);
        using var tapped = DecoderSession.Load(reference.Map with { Model = tap.Model, Logits = tap.Outputs[^1] }, ExecutionTarget.Cpu);
        var shown = session.Outputs(form.Tokens, 1, ["embedded", "unnormed"]);
        var expected = tapped.Outputs(form.Tokens, 1, [tap.Outputs[^1]])[0].Values;
        var width = expected.Length;
        Assert.InRange(
            LogitTolerance.Distance(expected, shown[1].Values.AsSpan(^width..)), 0, LogitTolerance.For(form.Without(removed), expected));
        Assert.True(LogitTolerance.Distance(expected, shown[0].Values.AsSpan(^width..)) > 0.1);
    }

    private static void AssertRefused(FormModel form, MergePlan plan, string port, string why)
    {
        var refused = Assert.Throws<RefusedException>(() => ModelRewriter.Apply(form.Map, plan));
        Assert.StartsWith($"MKA045 {port}: it shows the stream between layers, but {why}", refused.Message, StringComparison.Ordinal);
    }

    private static FormModel Showing(DecoderModel model, int first, bool normed, Granularity granularity = Granularity.Block)
    {
        using var plain = new FormModel(model);
        var seams = plain.Map.Blocks.Select(b => b.Input.Value)
            .Append(plain.Map.Blocks[^1].Output.Value)
            .Take(plain.Map.Count + (normed ? 0 : 1))
            .Select((v, i) => (v, $"hidden_states.{i}"));
        return new FormModel(
            model,
            m => Disguises.Shown(m, seams.Skip(first).Concat(normed ? [(Disguises.HeadInput(m), $"hidden_states.{plain.Map.Count}")] : [])),
            granularity);
    }

    private static void AssertSame(FormModel form, MergePlan plan, DecoderModel smaller, int first, bool normed)
    {
        using var output = new TempFolder();
        ModelWriter.Plan(ModelRewriter.Apply(form.Map, plan).Model, "model.onnx").Write(output.FullPath);
        Assert.True(GraphCheck.Run(output["model.onnx"], plan).Passed);
        using var reference = Showing(smaller, first, normed);
        var rewritten = BlockDetector.Detect(OnnxModel.Load(output["model.onnx"]));
        string[] names = [.. reference.Map.Model.Graph.Outputs.Select(o => o.Name)];
        Assert.Equal(names.Order(), rewritten.Model.Graph.Outputs.Select(o => o.Name).Order());
        names = [.. names.Where(n => n.StartsWith("hidden", StringComparison.Ordinal))];
        Assert.Equal(rewritten.Count + 1 - first, names.Length);
        using var one = DecoderSession.Load(rewritten, ExecutionTarget.Cpu);
        using var other = DecoderSession.Load(reference.Map, ExecutionTarget.Cpu);
        foreach (var (port, (actual, _), (expected, _)) in names.Zip(
            one.Outputs(form.Tokens, 1, names), other.Outputs(form.Tokens, 1, names)))
        {
            var tolerance = LogitTolerance.For(smaller, expected);
            var difference = LogitTolerance.Distance(expected, actual);
            Assert.True(
                difference <= tolerance, $"{port} without {string.Join(',', plan.Removed)}: {difference:e2}, at most {tolerance:e2}");
        }
    }
}
