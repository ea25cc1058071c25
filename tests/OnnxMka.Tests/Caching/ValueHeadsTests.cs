using OnnxMka.Compensation;
using OnnxMka.Cutting;
using OnnxMka.Emission;
using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Jobs;
using OnnxMka.Numerics;
using OnnxMka.Recipes;
using OnnxMka.Steps.Caching;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Caching;

/// <summary>Narrower value heads: against values of another program, on models that they leave exact, and in other forms.</summary>
public sealed class ValueHeadsTests
{
    /// <summary>
    /// Factors in float64, stored and multiplied in float32 (2^-24, sums of 64 products, six layers): some 1e-6, and ten times as much for
    /// what a softmax makes of it.
    /// </summary>
    private const double Rounding = 1e-5;

    [Fact]
    public void A_value_head_is_folded_as_another_program_does()
    {
        var (golden, tolerance) = LorcGolden.Of("value_fold");
        var (hidden, size, share, rank) = (
            golden.GetProperty("hidden").GetInt32(),
            golden.GetProperty("head_size").GetInt32(),
            golden.GetProperty("query_heads_per_kv_head").GetInt32(),
            golden.GetProperty("rank").GetInt32());
        var (values, outer) = (LorcGolden.Matrix(golden, "Wv"), LorcGolden.Matrix(golden, "Wo"));
        var gram = LorcGolden.Matrix(golden, "Gram_of_o_input");
        var (sum, side) = (new double[size * size], new double[size * share * hidden]);
        for (var q = 0; q < share; q++)
        {
            for (var i = 0; i < size; i++)
            {
                for (var j = 0; j < size; j++) sum[(i * size) + j] += gram[(((q * size) + i) * share * size) + (q * size) + j];
                outer.AsSpan(((q * size) + i) * hidden, hidden).CopyTo(side.AsSpan(((i * share) + q) * hidden));
            }
        }

        var (left, right) = WideTruncation.Of(sum, side, size, share * hidden, rank);
        var product = Dense.Multiply(Dense.Multiply(values, left, hidden, size, rank), right, hidden, rank, share * hidden);
        for (var q = 0; q < share; q++)
        {
            var expected = golden.GetProperty("value_times_output")[q];
            for (var i = 0; i < hidden; i++)
            {
                for (var j = 0; j < hidden; j++)
                    Assert.Equal(expected[i][j].GetDouble(), product[(i * share * hidden) + (q * hidden) + j], tolerance);
            }
        }
    }

    [Fact]
    public void Inputs_that_are_none_or_one_leave_finite_factors()
    {
        double[] weight = [1, 2, 3, 4, 5, 6];
        foreach (var gram in new double[][] { [0, 0, 0, 0], [4, 2, 2, 1] })
        {
            var (left, right) = WideTruncation.Of(gram, weight, 2, 3, 2);
            Assert.All(left.Concat(right), v => Assert.True(double.IsFinite(v)));
        }
    }

    [Theory]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama))]
    [InlineData(nameof(LlamaPresets.TorchScriptGrouped))]
    [InlineData(nameof(LlamaPresets.TorchScriptGemm))]
    [InlineData(nameof(LlamaPresets.DynamoLlama))]
    [InlineData(nameof(LlamaPresets.DynamoConstantWeights))]
    [InlineData(nameof(LlamaPresets.GenAiLlamaMha))]
    [InlineData(nameof(LlamaPresets.MobiusOpset23))]
    [InlineData(nameof(HybridPresets.SlidingCaches))]
    [InlineData(nameof(HybridPresets.PerHeadCaches))]
    public void Columns_that_write_nothing_go_and_the_logits_stay(string form)
    {
        using var folder = new TempFolder();
        DecoderForge.WriteFolder(Presets.ByName(form).Model(), folder["built"]);
        var map = BlockDetector.Detect(OnnxModel.Load(Path.Combine(folder["built"], "model.onnx")));
        var silent = Silenced(map);
        var narrow = Narrowed(map with { Model = silent }, folder["silent"], 8);
        Assert.InRange(Compare.Relative(Logits(silent), Logits(narrow)), 0, Rounding);
        Assert.True(narrow.Graph.Inputs.Count(p => p.Dimensions is [.., "8"]) >= map.Count, "values have narrower ports");
        Assert.Equal(Operators(silent), Operators(narrow));
        var cut = Narrowed(map, folder["whole"], 8);
        Assert.True(Compare.Relative(Logits(map.Model), Logits(cut)) > 100 * Rounding, "the control: other columns are missed");
    }

    /// <summary>Biases go through the fold too, and norms of queries and keys are not in its way.</summary>
    [Fact]
    public void Biases_are_folded_and_norms_of_keys_stay()
    {
        using var folder = new TempFolder();
        var spec = LlamaPresets.TorchScriptLlama.Spec;
        spec = spec with { Network = spec.Network with { QkvBias = true, QkNorm = QkNorm.PerHead } };
        DecoderForge.WriteFolder(spec, RandomWeights.For(spec, 20), folder["built"]);
        var map = BlockDetector.Detect(OnnxModel.Load(Path.Combine(folder["built"], "model.onnx")));
        var silent = Silenced(map);
        Assert.InRange(Compare.Relative(Logits(silent), Logits(Narrowed(map with { Model = silent }, folder["silent"], 8))), 0, Rounding);
    }

    [Theory]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqa), "GroupQueryAttention takes keys and values of one head size")]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqaPackedInOpRotary), "queries, keys and values are one product")]
    [InlineData(nameof(LlamaPresets.TorchScriptCombinedPast), "stands on the way of its values")]
    [InlineData(nameof(LlamaPresets.TorchScriptLlamaNoCache), "no caches")]
    [InlineData(nameof(LlamaPresets.GenAiLlamaMhaCacheInside), "cannot be run with narrower heads")]
    [InlineData(nameof(LayerNormPresets.Gpt2OrtFused), "Attention takes keys and values of one head size")]
    public void What_cannot_be_narrower_is_refused_with_the_reason(string form, string reason)
    {
        using var folder = new TempFolder();
        DecoderForge.WriteFolder(Presets.ByName(form).Model(), folder["built"]);
        var map = BlockDetector.Detect(OnnxModel.Load(Path.Combine(folder["built"], "model.onnx")));
        var refusal = Assert.Throws<RefusedException>(() => Narrowed(map, folder["out"], 8)).Refusal;
        Assert.Equal("MKA084", refusal.Code);
        Assert.Contains(reason, refusal.What, StringComparison.Ordinal);
    }

    [Fact]
    public void A_share_of_the_bytes_becomes_the_largest_size_that_gets_there()
    {
        var caches = KvCaches.Of(Books16.Map);
        Assert.Equal((32, 16 * 2 * 64 * 4), (caches.Size, caches.TokenBytes));
        foreach (var (ratio, size) in new[] { (0, 32), (0.1, 24), (0.125, 24), (0.13, 16), (0.25, 16), (0.375, 8) })
            Assert.Equal(size, caches.SizeFor(ratio));
        Assert.Equal(0.75, caches.BytesWith(16) / (double)caches.TokenBytes);
        Assert.Equal("MKA084", Assert.Throws<RefusedException>(() => caches.SizeFor(0.4)).Refusal.Code);
    }

    /// <summary>Full size is no step, so that not a byte changes.</summary>
    [Fact]
    public void Heads_as_wide_as_they_are_leave_the_model_as_it_is()
    {
        using var folder = new TempFolder();
        var result = Run(SmallDecoder.Map, folder["full"], new Kv { Value = 16 });
        Assert.Empty(result.Steps);
        var before = File.ReadAllBytes(Path.Combine(folder["full"], "model.onnx"));
        Assert.Equal(before, File.ReadAllBytes(Path.Combine(folder["full"], "out", "model.onnx")));
    }

    [Fact]
    public void Configuration_with_one_head_size_is_warned_of()
    {
        using var folder = new TempFolder();
        DecoderForge.WriteFolder(LlamaPresets.TorchScriptLlama.Model(), folder["built"]);
        var map = BlockDetector.Detect(OnnxModel.Load(Path.Combine(folder["built"], "model.onnx")));
        var ids = SmallDecoder.Write(map, folder["ids"]);
        var options = ids with
        {
            Input = folder["built"],
            Output = new OutputOptions { Path = folder["out"] },
            Recipe = ids.Recipe with { Steps = [new Kv { Ratio = 0.25 }] },
            Evaluate = false,
        };
        var changes = Compressor.Run(options).Emitted!.ConfigChanges;
        Assert.Contains(changes, c => c.IsWarning && c.Change.Contains("8 and 16", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("- kv: { ratio: 0.25 }", null)]
    [InlineData("- kv: { value: 24, refit: false }", null)]
    [InlineData("- kv: { }", "it wants one of ratio, value and head")]
    [InlineData("- kv: { head: 7 }", "odd")]
    [InlineData("- kv: { ratio: 0.25, value: 24 }", "it wants one of ratio, value and head")]
    public void Recipes_say_it(string step, string? flaw)
    {
        Recipe Read() => RecipeFile.Read($"version: 1\nsteps:\n  {step}\n", "recipe.yaml");
        if (flaw is null) Assert.IsType<Kv>(Assert.Single(Read().Steps));
        else Assert.Contains(flaw, Assert.Throws<RefusedException>(Read).Message, StringComparison.Ordinal);
    }

    /// <summary>The same model whose output projections have zeros for half of the columns of each head, other ones in each.</summary>
    private static OnnxModel Silenced(BlockMap map)
    {
        using var scratch = new ScratchFile();
        var model = new CompensatedModel(map, scratch);
        var revisions = Enumerable.Range(0, map.Count).Select(place => ValueHeads.Of(model, place).Found!.Silent(8));
        return model.With(revisions, new EditScript()).Model;
    }

    private static OnnxModel Narrowed(BlockMap map, string folder, int size)
    {
        var result = Run(map, folder, new Kv { Value = size, Refit = false });
        return OnnxModel.Load(result.Emitted!.ModelPath);
    }

    /// <summary>The whole job: what is written is stepped too, and a model that steps otherwise than at once is removed.</summary>
    private static CompressionResult Run(BlockMap map, string folder, Kv step)
    {
        var options = SmallDecoder.Write(map, folder).With(step);
        return Compressor.Run(options with { Evaluate = false, Output = new OutputOptions { Path = Path.Combine(folder, "out") } });
    }

    /// <summary>Nodes that compute something.</summary>
    private static int Operators(OnnxModel model) => model.Graph.Nodes.Count(n => n.OpType != "Constant");

    private static float[] Logits(OnnxModel model) => Books16.Logits(model, [3, 14, 15, 92, 65, 35, 89, 79, 32, 38, 46, 26]);
}
