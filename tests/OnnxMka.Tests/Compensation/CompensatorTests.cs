using OnnxMka.Compensation;
using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Measuring;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Steps.Refitting;
using OnnxMka.Steps.SeamMapping;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Compensation;

/// <summary>Corrections against an independent implementation, on models that they restore exactly, and in other forms and types.</summary>
public sealed class CompensatorTests
{
    /// <summary>
    /// The oracle computes in float64; ours sees float32 activations (relative rounding about 1e-6 over 16 blocks) and stores float32
    /// weights. A ridge of 1e-3 of the mean diagonal bounds the growth of that noise in the solution by 1e3: 1e-3 in all. Measured: below
    /// 1e-4.
    /// </summary>
    private const double OracleTolerance = 1e-3;

    [Theory]
    [InlineData("refit", 1, "refit")]
    [InlineData("refit", 2, "refit, two passes")]
    [InlineData("fold", 1, "fold")]
    [InlineData("linear", 1, "linear")]
    [InlineData("hadamard", 1, "hadamard")]
    [InlineData("scale", 1, "scale")]
    public void Perplexity_equals_that_of_an_independent_implementation(string kind, int passes, string name)
    {
        var perplexities = CompensationFixture.Oracle.GetProperty("perplexity");
        var expected = perplexities.GetProperty(name).GetDouble();
        var actual = CompensationFixture.Perplexity(CompensationFixture.Run(Books16.Map, CompensationFixture.Options(kind, passes)).Model);
        Assert.InRange(Math.Abs((actual / expected) - 1), 0, OracleTolerance);
        // The control: every other kind, and none at all, is further away than that.
        foreach (var other in perplexities.EnumerateObject().Where(p => p.Name != name))
            Assert.True(Math.Abs((other.Value.GetDouble() / expected) - 1) > 2 * OracleTolerance, other.Name);
    }

    [Theory]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqa), "refit")]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqa), "linear")]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqa), "fold")]
    [InlineData(nameof(LlamaPresets.DynamoLlama), "refit")]
    [InlineData(nameof(LlamaPresets.TorchScriptGemm), "refit")]
    [InlineData(nameof(LlamaPresets.DynamoConstantWeights), "refit")]
    public void Other_forms_of_the_same_network_give_the_same_perplexity(string form, string kind)
    {
        using var folder = new TempFolder();
        DecoderForge.WriteFolder(Presets.ByName(form).Books16Model(Forge.Books16.Read(Books16.ModelPath)), folder.FullPath);
        var map = BlockDetector.Detect(OnnxModel.Load(folder["model.onnx"]));
        var expected = CompensationFixture.Oracle.GetProperty("perplexity").GetProperty(kind).GetDouble();
        var actual = CompensationFixture.Perplexity(CompensationFixture.Run(map, CompensationFixture.Options(kind)).Model);
        Assert.InRange(Math.Abs((actual / expected) - 1), 0, OracleTolerance);
    }

    /// <summary>
    /// Nothing was lost at the cut, so nothing is to be corrected: the maps are the identity, and no weight changes by a bit.
    /// </summary>
    [Theory]
    [InlineData("fold")]
    [InlineData("refit")]
    public void A_cut_that_changes_nothing_changes_nothing(string kind)
    {
        const int Removed = 12;
        var silent = Silenced(Removed);
        var dropped = CompensationFixture.Run(silent, CompensationFixture.Options("none"), removed: Removed).Model;
        var corrected = CompensationFixture.Run(silent, CompensationFixture.Options(kind), removed: Removed).Model;
        // x + 0 is x, but the runtime may fuse otherwise: residuals of a few units of 2^-23, which a ridge of 1e-3 lets grow a thousandfold
        // at most.
        Assert.InRange(
            Compare.Relative(Books16.Logits(dropped.Model, Books16.Prompt), Books16.Logits(corrected.Model, Books16.Prompt)), 0, 1e-4);
        var real = CompensationFixture.Run(Books16.Map, CompensationFixture.Options(kind), removed: Removed).Model;
        Assert.True(
            Compare.Relative(Books16.Logits(dropped.Model, Books16.Prompt), Books16.Logits(real.Model, Books16.Prompt)) > 1e-2,
            "the control: a real cut is corrected");
    }

    /// <summary>A block that only adds x A is linear in its input; one map of the stream puts it back.</summary>
    [Fact]
    public void A_removed_block_that_is_linear_is_restored()
    {
        var linear = Linear(7, seed: 5);
        var original = Books16.Logits(linear.Model, Books16.Prompt);
        var dropped = CompensationFixture.Run(linear, CompensationFixture.Options("none"), removed: 7).Model;
        Assert.True(Compare.Relative(original, Books16.Logits(dropped.Model, Books16.Prompt)) > 1e-2, "the control: the block mattered");
        // The ridge is a bias by design; with one of 1e-9 what remains is float32 rounding times the condition of the stream.
        var restored = CompensationFixture.Run(linear, new MapSeams { Map = SeamMapForm.Linear, Ridge = 1e-9 }, removed: 7).Model;
        Assert.InRange(Compare.Relative(original, Books16.Logits(restored.Model, Books16.Prompt)), 0, 1e-3);
    }

    /// <summary>
    /// A removed block that only adds its biases shifts the stream by a constant: the features explain none of it, so that the bias of the
    /// block before takes all of it and no weight moves. (A refit of a sequential block gives it to attention, and the MLP then sees a
    /// shifted stream: so not exactly.)
    /// </summary>
    [Theory]
    [InlineData(nameof(LayerNormPresets.Gpt2TorchScript), "fold")]
    [InlineData(nameof(LayerNormPresets.OptPreNorm), "fold")]
    [InlineData(nameof(TopologyPresets.Phi2Parallel), "refit")]
    [InlineData(nameof(TopologyPresets.GptNeoX), "refit")]
    public void A_removed_block_that_adds_a_constant_is_restored_by_a_bias(string name, string kind)
    {
        const int Removed = 2;
        var built = Presets.ByName(name).Model();
        var block = built.Weights.Blocks[Removed];
        foreach (var role in new[] { Role.Output, Role.Down })
            block = block.SetItem(role, block[role] with { Values = new float[block[role].Count] });
        using var form = new Forms.FormModel(
            built with { Weights = built.Weights with { Blocks = built.Weights.Blocks.SetItem(Removed, block) } });
        var original = Logits(form.Map);
        var split = new CalibrationSplit(OnnxMka.Tests.Running.Parts.ChainFormsTests.Set, null);
        var dropped = Logits(CompensationFixture.Run(form.Map, CompensationFixture.Options("none"), split, removed: Removed).Model.Blocks);
        var restored = Logits(CompensationFixture.Run(form.Map, CompensationFixture.Options(kind), split, removed: Removed).Model.Blocks);
        Assert.True(Compare.Relative(original, dropped) > 1e-2, "the control: the constant mattered");
        // Float32 noise of the residual, 1e-6, which a ridge of 1e-2 of the mean diagonal lets grow a hundredfold.
        Assert.InRange(Compare.Relative(original, restored), 0, 1e-4);

        float[] Logits(BlockMap map)
        {
            using var session = OnnxMka.Running.Sessions.DecoderSession.Load(map, OnnxMka.Running.Sessions.ExecutionTarget.Cpu);
            return session.Logits(form.Tokens, 1);
        }
    }

    /// <summary>Else fourteen blocks of a large model would take gigabytes, and could not be loaded at once.</summary>
    [Fact]
    public void Corrected_weights_lie_in_a_file()
    {
        var split = new CalibrationSplit(CompensationFixture.Windows(0, 2), null);
        var (model, steps) = CompensationFixture.Run(Books16.Map, CompensationFixture.Options("refit"), split, removed: 13);
        var corrected = model.Model.Graph.Initializers.Values.Where(
            t => t.Content is Graph.FileRange range && range.Path.Contains("onnx-mka-scratch-", StringComparison.Ordinal)).ToArray();
        Assert.Equal(steps.Count(s => s.Kept), corrected.Length);
        Assert.NotEmpty(corrected);
        Assert.DoesNotContain(model.Model.Graph.Initializers.Values, t => t.Content is Graph.MemoryBytes && t.ElementCount > 1024);
    }

    /// <summary>
    /// The down projection, [352, 128]: X'X; as large as the weight R'X and a solution; rows on their way, and the blocks of a factor. By
    /// rows where there are fewer of them.
    /// </summary>
    [Fact]
    public void Memory_is_that_of_the_widest_weight()
    {
        Assert.Equal(
            sizeof(double) * ((352 * 352) + (2 * 352 * 128) + (256 * ((3 * 352) + 128)) + (3 * 352 * 256)),
            RefitWork.Bytes(Books16.Map, 4096));
        Assert.InRange(RefitWork.Bytes(Books16.Map, 100), 1, RefitWork.Bytes(Books16.Map, 4096) - 1);
    }

    /// <summary>
    /// Halves at the end, whose layers structure alone would not find, are corrected on the seams that they are carried with.
    /// </summary>
    [Theory]
    [InlineData("15.attention", "14.mlp2")]
    [InlineData("15.mlp", "15.attention")]
    public void What_is_left_of_the_last_layer_is_corrected(string removed, string last)
    {
        var map = BlockDetector.Detect(Books16.Map.Model, Granularity.Sublayer);
        var model = Corrected(map, "refit", map.Blocks.Single(b => b.Name == removed).Index);
        Assert.Equal(last, model.Blocks.Blocks[^1].Name);
        var found = BlockDetector.Detect(model.Model, Granularity.Sublayer);
        Assert.Equal(model.Blocks.Blocks.Select(b => (b.Name, b.Output.Value)), found.Blocks.Select(b => (b.Name, b.Output.Value)));
    }

    [Theory]
    [InlineData("refit")]
    [InlineData("linear")]
    public void One_block_alone_is_corrected(string kind)
    {
        int[] removed = [.. Enumerable.Range(1, 15)];
        var model = Corrected(Books16.Map, kind, removed);
        var dropped = CompensationFixture.Run(Books16.Map, CompensationFixture.Options("none"), removed: removed).Model;
        Assert.True(CompensationFixture.Perplexity(model) < CompensationFixture.Perplexity(dropped));
        Assert.Equal(model.Blocks.Blocks.Single().Output.Value, BlockDetector.Detect(model.Model).Blocks.Single().Output.Value);
    }

    /// <summary>
    /// Nodes behind a cut belong to the block before it, as in a model that is read anew; those behind the last stand outside.
    /// </summary>
    [Fact]
    public void Mapped_seams_are_those_that_are_found()
    {
        var (model, steps) = CompensationFixture.Run(Books16.Map, CompensationFixture.Options("linear"), removed: [6, 7, 15]);
        Assert.Equal(2, steps.Count(s => s.Kept));
        Assert.EndsWith("/mapped", model.Blocks.Blocks[5].Output.Value, StringComparison.Ordinal);
        Assert.DoesNotContain(SeamHint.Key, model.Model.Metadata.Keys);
        Assert.Equal(BlockDetector.Detect(model.Model).Blocks.Select(b => b.Output.Value), model.Blocks.Blocks.Select(b => b.Output.Value));
    }

    /// <summary>
    /// With held-out tokens: something is kept, and what is lowers their error. Perplexity is finite, no more: the error
    /// of the stream is not the loss. Run block by block on the carried seams it is the same model, up to float32 rounding in other
    /// fusions.
    /// </summary>
    private static RewrittenModel Corrected(BlockMap map, string kind, params int[] removed)
    {
        var split = new CalibrationSplit(CompensationFixture.Windows(0, 5), CompensationFixture.Windows(5, 1));
        var (model, steps) = CompensationFixture.Run(map, CompensationFixture.Options(kind), split, removed: removed);
        Assert.Contains(steps, s => s.Kept);
        Assert.All(steps.Where(s => s.Kept), s => Assert.True(s.ErrorAfter < s.ErrorBefore));
        var whole = CompensationFixture.Perplexity(model);
        Assert.True(double.IsFinite(whole));
        var chain = Perplexity.Measure(
            Runners.ByParts(model.Blocks, CompensationFixture.Test, 8), model.Blocks, CompensationFixture.Test).Value;
        Assert.InRange(Math.Abs((chain / whole) - 1), 0, 1e-5);
        return model;
    }

    [Fact]
    public void A_step_that_does_not_lower_held_out_error_is_left_out()
    {
        // One window to fit 352 columns on, and hardly a ridge, up to 1e-6: the fit is perfect there and worthless elsewhere.
        var split = new CalibrationSplit(CompensationFixture.Windows(0, 1), CompensationFixture.Windows(1, 2));
        var (_, steps) = CompensationFixture.Run(Books16.Map, new Refit { Ridge = 1e-9 }, split, removed: [11, 12]);
        Assert.Contains(steps, s => !s.Kept && s.Note is not null);
        Assert.All(steps.Where(s => s.Kept), s => Assert.True(s.ErrorAfter < s.ErrorBefore));
        // Four ridges are tried, each ten times the last: where they end higher, more is kept.
        var (_, guarded) = CompensationFixture.Run(Books16.Map, new Refit { Ridge = 1e-1 }, split, removed: [11, 12]);
        Assert.True(guarded.Count(s => s.Kept) > steps.Count(s => s.Kept));
        Assert.Contains(guarded, s => s.Kept && s.Ridge > 0.2);
    }

    [Fact]
    public void Batches_do_not_change_a_bit()
    {
        var refit = CompensationFixture.Options("refit");
        var models = new[] { 8, 3 }.Select(
            batch => CompensationFixture.Run(Books16.Map, refit, batch: batch, removed: [11, 13]).Model.Model).ToArray();
        using var reader = new TensorReader();
        foreach (var (name, tensor) in models[0].Graph.Initializers)
            Assert.True(reader.ReadBytes(tensor).AsSpan().SequenceEqual(reader.ReadBytes(models[1].Graph.Initializers[name])), name);
    }

    private static BlockMap Silenced(int block)
    {
        var script = new EditScript();
        foreach (var parameter in Books16.Map.Blocks[block].Parameters.Where(p => p.Role is "self_attn/o_proj" or "mlp/down_proj"))
        {
            script.Add(
                "test",
                new GraphEdit.ReplaceInitializer(
                    parameter.Initializer, new MemoryBytes(new byte[Books16.Map.Tensor(parameter.Initializer).ByteLength])));
        }

        return BlockDetector.Detect(GraphEditor.Apply(Books16.Map.Model, script));
    }

    /// <summary>
    /// Block: attention writes nothing, and the down projection reads what the block takes instead of the gated features.
    /// </summary>
    private static BlockMap Linear(int block, int seed)
    {
        var silent = Silenced(block);
        var down = silent.Blocks[block].Parameters.Single(p => p.Role == "mlp/down_proj");
        var random = new Random(seed);
        var map = new byte[128 * 128 * sizeof(float)];
        for (var i = 0; i < 128 * 128; i++)
            BitConverter.TryWriteBytes(map.AsSpan(i * sizeof(float)), (float)((random.NextDouble() - 0.5) * 0.1));
        var script = new EditScript();
        script.Add(
            "test", new GraphEdit.AddInitializer(new TensorRef("linear_map", ElementType.Float, [128, 128], new MemoryBytes(map)), null));
        script.Add("test", new GraphEdit.SetInput(down.Use.Node, 0, silent.Blocks[block].Input.Value));
        script.Add("test", new GraphEdit.SetInput(down.Use.Node, 1, "linear_map"));
        return BlockDetector.Detect(GraphEditor.Apply(silent.Model, script));
    }
}
