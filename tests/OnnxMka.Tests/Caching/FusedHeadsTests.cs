using OnnxMka.Compensation;
using OnnxMka.Cutting;
using OnnxMka.Emission;
using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Jobs;
using OnnxMka.Numerics;
using OnnxMka.Steps.Caching;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Caching;

/// <summary>Narrower heads of GroupQueryAttention, keys as values.</summary>
public sealed class FusedHeadsTests
{
    /// <summary>As for values alone: roundings of float32 in sums of some hundred products, and what a softmax makes of them.</summary>
    private const double Rounding = 1e-5;

    private const int Size = 32;

    [Fact]
    public void Pairs_are_kept_as_another_program_does()
    {
        var (golden, tolerance) = LorcGolden.Of("rotary_pairs");
        var (size, gram) = (golden.GetProperty("head_size").GetInt32(), LorcGolden.Matrix(golden, "G"));
        var (queries, keys) = (Energies("Wq"), Energies("Wk"));
        var scores = LorcGolden.Row(golden, "block_score");
        Assert.All(RotaryPairs.Scores(queries, keys, size).Zip(scores), s => Assert.Equal(s.Second, s.First, tolerance));
        Assert.Equal(
            LorcGolden.Row(golden, "pairs").Select(p => (int)p),
            RotaryPairs.Kept(queries, keys, size, golden.GetProperty("keep").GetInt32()));

        // diag W'GW: what a column has on inputs with that Gram matrix.
        double[] Energies(string name)
        {
            var weight = LorcGolden.Matrix(golden, name);
            var (rows, columns) = (gram.Length / size, weight.Length / (gram.Length / size));
            var images = Dense.Multiply(gram, weight, rows, rows, columns);
            double Energy(int c) => Enumerable.Range(0, rows).Sum(r => weight[(r * columns) + c] * images[(r * columns) + c]);
            return [.. Enumerable.Range(0, columns).Select(Energy)];
        }
    }

    [Theory]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqa), false)]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqa), true)]
    [InlineData(nameof(LlamaPresets.OrtOptimizedLlamaGqa), false)]
    public void Columns_that_do_nothing_go_and_the_logits_stay(string form, bool bias)
    {
        using var folder = new TempFolder();
        var map = Built(form, folder["built"], n => n with { QkvBias = bias });
        using var scratch = new ScratchFile();
        var model = new CompensatedModel(map, scratch);
        var silent = model.With(
            Enumerable.Range(0, map.Count).SelectMany(p => FusedHeads.Of(model, p).Found!.Silent(Size / 2)), new EditScript()).Model;
        var narrow = Narrowed(map with { Model = silent }, folder["silent"]);
        Assert.InRange(Compare.Relative(Logits(silent), Logits(narrow)), 0, Rounding);
        Assert.Equal(2 * map.Count, narrow.Graph.Inputs.Count(p => p.Dimensions is [_, _, _, "16"]));
        Assert.Equal(silent.Graph.Nodes.Count, narrow.Graph.Nodes.Count);
        var cut = Narrowed(map, folder["whole"]);
        Assert.True(Compare.Relative(Logits(map.Model), Logits(cut)) > 100 * Rounding, "the control: other columns are missed");
    }

    [Fact]
    public void Both_configurations_say_the_new_size()
    {
        using var folder = new TempFolder();
        var map = Built(nameof(LlamaPresets.GenAiLlamaGqa), folder["built"]);
        var ids = SmallDecoder.Write(map, folder["ids"]);
        var result = Compressor.Run(ids with
        {
            Input = folder["built"],
            Output = new OutputOptions { Path = folder["out"] },
            Recipe = ids.Recipe with { Steps = [new Kv { Ratio = 0.5 }] },
            Evaluate = false,
        });
        Assert.Equal(new Kv { Head = 16 }, Assert.Single(result.Steps));
        Assert.Contains("\"head_size\": 16", File.ReadAllText(Path.Combine(folder["out"], "genai_config.json")), StringComparison.Ordinal);
        Assert.Contains("\"head_dim\": 16", File.ReadAllText(Path.Combine(folder["out"], "config.json")), StringComparison.Ordinal);
        Assert.DoesNotContain(result.Emitted!.ConfigChanges, c => c.IsWarning);
    }

    [Theory]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqa), "GroupQueryAttention takes keys and values of one head size", true)]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama), "only values are narrowed", false)]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqaPackedInOpRotary), "queries, keys and values are one product", false)]
    [InlineData(nameof(LlamaPresets.GenAiLongRope), "rotary tables", false)]
    public void What_cannot_be_narrower_is_refused_with_the_reason(string form, string reason, bool value)
    {
        using var folder = new TempFolder();
        var map = Built(form, folder["built"]);
        var options = SmallDecoder.Write(map, folder["in"]).With(value ? new Kv { Value = 16 } : new Kv { Head = 16 });
        options = options with { Output = new OutputOptions { Path = folder["out"] } };
        var refusal = Assert.Throws<RefusedException>(() => Compressor.Run(options)).Refusal;
        Assert.Equal("MKA084", refusal.Code);
        Assert.Contains(reason, refusal.What, StringComparison.Ordinal);
    }

    /// <summary>The mean of a norm over the head goes with its columns, and neighbours are no pairs (p, p + d/2).</summary>
    [Fact]
    public void Norms_of_keys_and_rotations_of_neighbours_are_refused()
    {
        using var folder = new TempFolder();
        foreach (var (name, change, reason) in new (string, Func<Network, Network>, string)[]
        {
            ("norm", n => n with { QkNorm = QkNorm.PerHead }, "stands between projection and attention"),
            ("neighbours", n => n with { RotaryInterleaved = true }, "rotates neighbours"),
            ("part", n => n with { RotaryDim = 16 }, "a part of each head"),
        })
        {
            var map = Built(nameof(LlamaPresets.GenAiLlamaGqa), folder[name], change);
            var refusal = Assert.Throws<RefusedException>(() => KvCaches.Of(map)).Refusal;
            Assert.Equal("MKA084", refusal.Code);
            Assert.Contains(reason, refusal.What, StringComparison.Ordinal);
        }
    }

    /// <summary>The runtime rotates halves of heads that are multiples of 16: these have 32 columns.</summary>
    private static BlockMap Built(string form, string folder, Func<Network, Network>? change = null)
    {
        var spec = Presets.ByName(form).Spec;
        var network = spec.Network with { HeadSize = Size };
        spec = spec with { Network = change is null ? network : change(network) };
        DecoderForge.WriteFolder(spec, RandomWeights.For(spec, 20), folder);
        return BlockDetector.Detect(OnnxModel.Load(Path.Combine(folder, "model.onnx")));
    }

    private static OnnxModel Narrowed(BlockMap map, string folder)
    {
        var options = SmallDecoder.Write(map, folder).With(new Kv { Head = Size / 2, Refit = false }) with { Evaluate = false };
        var result = Compressor.Run(options with { Output = new OutputOptions { Path = Path.Combine(folder, "out") } });
        return OnnxModel.Load(result.Emitted!.ModelPath);
    }

    private static float[] Logits(OnnxModel model) => Books16.Logits(model, [3, 14, 15, 92, 65, 35, 89, 79, 32, 38, 46, 26]);
}
