using System.Text;
using OnnxMka.Emission;
using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Forms;

/// <summary>Models with states of several kinds: their names, their configuration, the operators that make them.</summary>
public sealed class HybridTests
{
    public static TheoryData<string> Hybrids => new(
        nameof(HybridPresets.SlidingCaches), nameof(HybridPresets.ConvolutionHybrid), nameof(HybridPresets.SourceLayerHybrid),
        nameof(HybridPresets.FusedRecurrenceHybrid), nameof(HybridPresets.ParallelHybrid));

    [Theory]
    [MemberData(nameof(Hybrids))]
    public void Where_no_state_goes_no_port_is_renamed_and_where_one_goes_none_changes_its_kind(string preset)
    {
        using var form = new FormModel(Presets.ByName(preset).Model(), granularity: Granularity.Sublayer);
        var before = Types(form.Map.Model);
        foreach (var half in form.Map.Blocks.Where(b => b.Half == Halves.Mlp))
        {
            var rewritten = ModelRewriter.Apply(form.Map, form.Drop(half.Index));
            Assert.Empty(rewritten.Ports);
            Assert.Equal(before, Types(rewritten.Model));
        }

        foreach (var half in form.Map.Blocks.Where(b => b.Half == Halves.Attention && b.Layer > 0))
        {
            if (Rewritten(form, half.Index) is not { } rewritten) continue;
            var gone = half.KvInputs.Concat(half.KvOutputs).Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
            var after = Types(rewritten.Model);
            Assert.Equal(before.Count - gone.Count, after.Count);
            foreach (var (port, type) in before.Where(p => !gone.Contains(p.Key)))
                Assert.Equal(type, after[rewritten.Ports.GetValueOrDefault(port, port)]);
        }
    }

    /// <summary>Configuration that counts the layers of the source, as the ports do, loses those of the removed block.</summary>
    [Fact]
    public void Configuration_counts_the_layers_that_the_ports_count()
    {
        const string Config = """
            {"num_hidden_layers": 12, "hybrid_override_pattern": "M-M-M-*-M-*-", "mlp_only_layers": [1, 3, 5, 7, 9, 11]}
            """;
        Assert.Equal(
            """{"num_hidden_layers": 10, "hybrid_override_pattern": "M-M-*-M-*-", "mlp_only_layers": [1, 3, 5, 7, 9]}""",
            Configured("config.json", Config, 1));
        const string GenAi = """
            {"model": {"decoder": {"num_hidden_layers": 12, "layer_types": [0,1,2,3,4,5,6,7,8,9,10,11], "sliding_window": {"layers": [6]}}}}
            """;
        Assert.Equal(
            GenAi.Replace("12,", "10,", StringComparison.Ordinal).Replace("[0,1,2,3,", "[0,1,", StringComparison.Ordinal)
                .Replace("[6]", "[4]", StringComparison.Ordinal),
            Configured("genai_config.json", GenAi, 1));
        Assert.Contains("\"M-M-M-*-M-\"", Configured("config.json", Config, 5), StringComparison.Ordinal);
        // Of so many layers the ports say nothing: 8 behind the last state.
        const string Other = """{"num_hidden_layers": 18}""";
        Assert.Equal(Other, Configured("config.json", Other, 1));
        Assert.Equal("""{"num_hidden_layers": 5}""", Configured("config.json", """{"num_hidden_layers": 6}""", 1));
    }

    /// <summary>The runtime has no kernels for these: what is found and what speaks against merging is all there is to see.</summary>
    [Theory]
    [InlineData("", "LinearAttention", "CausalConvWithState")]
    [InlineData("ai.onnx", "LinearAttention", "CausalConvWithState")]
    [InlineData("com.microsoft", "GatedDeltaNet", "VarlenCausalConvWithState")]
    [InlineData("", "GatedDeltaNet", "CausalConvWithState")]
    [InlineData("other.maker", "GatedDeltaRule", "CausalConv1DWithState")]
    public void Operators_of_recurrences_are_known_in_every_domain(string domain, string recurrence, string convolution)
    {
        var model = HybridPresets.FusedRecurrenceHybrid.Model();
        using var form = new FormModel(model, m => Disguises.Operators(
            m, n => n switch { "LinearAttention" => (domain, recurrence), "CausalConvWithState" => (domain, convolution), _ => null }));
        using var plain = new FormModel(model);
        Assert.Equal(plain.Map.Blocks.Select(Found), form.Map.Blocks.Select(Found));
        Assert.Equal([false, false, true, false, false, true], form.Map.Blocks.Select(b => b.MergeObstacle is null));
        // Either of the two alone is an obstacle.
        foreach (var op in new[] { "LinearAttention", "CausalConvWithState" })
        {
            using var half = new FormModel(model, m => Disguises.Operators(m, n => n switch
            {
                "LinearAttention" => n == op ? (domain, recurrence) : ("", "Unknown"),
                "CausalConvWithState" => n == op ? (domain, convolution) : ("", "Unknown"),
                _ => null,
            }));
            Assert.Contains("convolution or recurrence", half.Map.Blocks[0].MergeObstacle, StringComparison.Ordinal);
        }

        static (int, int, int) Found(Block block) => (block.Kind, block.Nodes.Length, block.KvInputs.Length);
    }

    [Fact]
    public void Experts_are_known_in_every_domain()
    {
        using var form = new FormModel(MixedPresets.MoEFused.Model(), m => Disguises.Operators(m, n => n == "MoE" ? ("", "MoE") : null));
        Assert.All(form.Map.Blocks, b => Assert.Contains("experts", b.MergeObstacle, StringComparison.Ordinal));
    }

    private static string Configured(string file, string text, int removed)
    {
        using var form = new FormModel(HybridPresets.SourceLayerHybrid.Model());
        var plan = form.Drop(removed);
        var ports = PortNames.Of(form.Map.Model, ModelRewriter.Apply(form.Map, plan));
        var names = new ModelNames("model.onnx", "model.onnx");
        return Encoding.UTF8.GetString(ConfigFiles.Rewrite(file, Encoding.UTF8.GetBytes(text), plan, names, ports, []));
    }

    /// <summary>Null where the half has the last cache that tells the past length.</summary>
    private static RewrittenModel? Rewritten(FormModel form, int half)
    {
        try
        {
            return ModelRewriter.Apply(form.Map, form.Drop(half));
        }
        catch (RefusedException e) when (e.Refusal.Code == "MKA046")
        {
            return null;
        }
    }

    private static SortedDictionary<string, string> Types(OnnxModel model) => new(
        model.Graph.FedInputs.Concat(model.Graph.Outputs).ToDictionary(p => p.Name, p => $"{p.Type} {string.Join(',', p.Dimensions!)}"),
        StringComparer.Ordinal);
}
