using OnnxMka.Alignment;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Jobs;
using OnnxMka.Measuring;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Steps.Merging;
using OnnxMka.Structure;

namespace OnnxMka.Tests;

/// <summary>The sequential definition of correctness, point by point, on the trained fixture.</summary>
public sealed class CorrectnessTests
{
    /// <summary>
    /// Reference logits are float64, the model float32: 16 blocks of some thousand roundings of 2^-24 each, relative to the
    /// largest logit, come to about 1e-6; a wrong block weight moves them by 1e-2 (see the negative control).
    /// </summary>
    private const double LogitTolerance = 1e-4;

    [Fact]
    public void One_ratio_0_keeps_every_tensor_and_the_logits()
    {
        using var folder = new TempFolder();
        var result = Compressor.Run(
            new CompressionOptions
            {
                Input = Books16.ModelPath,
                Output = new() { Path = folder["same.onnx"] },
                Recipe = RecipeOf.Steps(new Merge { Ratio = 0 }),
                Evaluate = false,
            });
        var copy = OnnxModel.Load(result.Emitted!.ModelPath);
        using var reader = new TensorReader();
        Assert.Equal(Books16.Map.Model.Graph.Initializers.Keys, copy.Graph.Initializers.Keys);
        foreach (var (name, tensor) in Books16.Map.Model.Graph.Initializers)
            Assert.True(reader.ReadBytes(tensor).AsSpan().SequenceEqual(reader.ReadBytes(copy.Graph.Initializers[name])), name);
        Assert.Equal(GraphText.Of(Books16.Map.Model), GraphText.Of(copy));
        Assert.Equal(Books16.Logits(Books16.Map.Model, Books16.Prompt), Books16.Logits(copy, Books16.Prompt));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(15)]
    public void Two_dropping_a_block_that_adds_nothing_changes_nothing(int block)
    {
        var silent = WithWeights(
            Books16.Map,
            block,
            (tensor, role) => role is "self_attn/o_proj" or "mlp/down_proj" ? new MemoryBytes(new byte[tensor.ByteLength]) : null);
        var dropped = ModelRewriter.Apply(BlockDetector.Detect(silent), Books16.Plan([block])).Model;
        // x + 0 is x: not one bit changes, up to fusions that the runtime may choose otherwise (2^-23 a rounding).
        Assert.True(Compare.Relative(Books16.Logits(silent, Books16.Prompt), Books16.Logits(dropped, Books16.Prompt)) < 1e-6);
        Assert.True(
            Compare.Relative(Books16.Logits(Books16.Map.Model, Books16.Prompt), Books16.Logits(dropped, Books16.Prompt)) > 1e-3,
            "the control: the block did something before");
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.62)]
    [InlineData(0.9999)]
    public void Three_merging_equal_blocks_gives_their_weights_bit_for_bit(double alpha)
    {
        var five = Books16.Map.Blocks[5].Parameters;
        var twins = WithWeights(Books16.Map, 6, (_, role) => Books16.Map.Tensor(five.Single(p => p.Role == role).Initializer).Content);
        var map = BlockDetector.Detect(twins);
        var merged = ModelRewriter.Apply(map, Books16.Plan([6], (5, [(5, alpha), (6, 1 - alpha)])));
        Assert.Equal(9, merged.Merged.Length);
        using var reader = new TensorReader();
        foreach (var parameter in merged.Merged)
        {
            var expected = reader.ReadBytes(map.Tensor(parameter.Kept));
            Assert.True(expected.AsSpan().SequenceEqual(reader.ReadBytes(merged.Model.Graph.Initializers[parameter.Name])), parameter.Role);
        }
    }

    public static TheoryData<string> Cases => new(ReferenceFile.Instance.Answers.Keys);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Four_logits_equal_an_independent_forward_pass(string name)
    {
        var answer = ReferenceFile.Instance.Answers[name];
        var model = ModelRewriter.Apply(Books16.Map, ReferencePlan(name)).Model;
        Assert.True(LastLogitsDifference(model, answer) < LogitTolerance, $"{name}: {LastLogitsDifference(model, answer):e2}");
        // The control: another alpha, or another block, does not pass.
        var wrong = ModelRewriter.Apply(
            Books16.Map,
            name.Contains("merge", StringComparison.Ordinal) ? Books16.Plan([10], (9, [(9, 0.7), (10, 0.3)])) : Books16.Plan([8])).Model;
        Assert.True(LastLogitsDifference(wrong, answer) > 10 * LogitTolerance);
    }

    [Fact]
    public void Four_perplexity_equals_an_independent_forward_pass()
    {
        foreach (var (name, answer) in ReferenceFile.Instance.Answers)
        {
            var model = ModelRewriter.Apply(Books16.Map, ReferencePlan(name)).Model;
            var windows = new CalibrationSet([.. ReferenceFile.Instance.Windows], 128, "reference", "");
            var measured = Perplexity.Measure(Runners.Whole(8), BlockDetector.Detect(model), windows).Value;
            // Perplexity is exp of a mean over 1,016 tokens whose single errors (1e-5 nats at most) nearly cancel.
            Assert.True(Math.Abs((measured / answer.Perplexity) - 1) < 1e-5, $"{name}: {measured} against {answer.Perplexity}");
        }
    }

    [Fact]
    public void Five_prefill_equals_decoding_step_by_step()
    {
        var original = Steps(Books16.Map.Model);
        var merged = Steps(ModelRewriter.Apply(Books16.Map, Books16.Plan([0, 4, 5, 10], (9, [(9, 0.7), (10, 0.3)]))).Model);
        Assert.True(original < 1e-5, $"{original:e2}");
        Assert.True(merged <= Math.Max(10 * original, 1e-6), $"{merged:e2} against the input's own {original:e2}");
    }

    [Fact]
    public void Five_a_cache_fed_to_the_wrong_block_is_noticed()
    {
        // The control: two blocks' cache inputs swapped behind the names.
        var script = new EditScript();
        var swap = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["past_key_values.3.key"] = "past_key_values.4.key",
            ["past_key_values.4.key"] = "past_key_values.3.key",
        };
        foreach (var node in Books16.Map.Model.Graph.Nodes)
        {
            for (var slot = 0; slot < node.Inputs.Length; slot++)
            {
                if (swap.TryGetValue(node.Inputs[slot], out var other)) script.Add("test", new GraphEdit.SetInput(node.Index, slot, other));
            }
        }

        var broken = GraphEditor.Apply(Books16.Map.Model, script);
        using var session = DecoderSession.Load(Books16.Map with { Model = broken }, ExecutionTarget.Cpu);
        Assert.True(StepCheck.Difference(session, Books16.Prompt) > 1e-3);
    }

    [Fact]
    public void Six_the_same_input_gives_the_same_bytes()
    {
        using var folder = new TempFolder();
        var runs = new[] { "a", "b" }.Select(name => Compressor.Run(new CompressionOptions
        {
            Input = Books16.Folder,
            Output = new() { Path = folder[name] },
            Recipe = RecipeOf.Steps(new Merge { Ratio = 0.25 }) with
            {
                Calibration = new() { Samples = 64 },
                Scoring = new() { Alignment = new AlignmentOptions { MaxThreads = name == "a" ? 1 : 2 } },
            },
            Running = new() { BatchSize = name == "a" ? 8 : 4 },
            Evaluate = false,
            Verify = false,
        })).ToArray();
        var files = Directory.GetFiles(folder["a"]).Select(f => Path.GetFileName(f)!).ToArray();
        Assert.Contains("model.onnx", files);
        Assert.All(
            files,
            f => Assert.True(
                File.ReadAllBytes(Path.Combine(folder["a"], f)).AsSpan()
                    .SequenceEqual(File.ReadAllBytes(Path.Combine(folder["b"], f))),
                f));
        Assert.Equal(12, runs[0].Plan.Groups.Length);
    }

    private static double Steps(OnnxModel model)
    {
        using var session = DecoderSession.Load(BlockDetector.Detect(model), ExecutionTarget.Cpu);
        return StepCheck.Difference(session, Books16.Prompt);
    }

    private static double LastLogitsDifference(OnnxModel model, ReferenceFile.Answer answer)
    {
        var logits = Books16.Logits(model, Books16.Prompt);
        return Compare.Relative(answer.LastLogits, logits[^answer.LastLogits.Length..]);
    }

    private static MergePlan ReferencePlan(string name) => name switch
    {
        "dense" => Books16.Plan([]),
        "drop 5" => Books16.Plan([5]),
        "drop 7,8,9,10" => Books16.Plan([7, 8, 9, 10]),
        "drop 12,13,14,15 (tail)" => Books16.Plan([12, 13, 14, 15]),
        "merge 9+10 alpha 0.8" => Books16.Plan([10], (9, [(9, 0.8), (10, 0.2)])),
        "merge 5+6+7 weights 0.5,0.3,0.2" => Books16.Plan([6, 7], (5, [(5, 0.5), (6, 0.3), (7, 0.2)])),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "unknown case"),
    };

    private static OnnxModel WithWeights(BlockMap map, int block, Func<TensorRef, string, TensorContent?> replacement)
    {
        var script = new EditScript();
        foreach (var parameter in map.Blocks[block].Parameters)
        {
            if (replacement(map.Tensor(parameter.Initializer), parameter.Role) is { } content)
                script.Add("test", new GraphEdit.ReplaceInitializer(parameter.Initializer, content));
        }

        return GraphEditor.Apply(map.Model, script);
    }
}
