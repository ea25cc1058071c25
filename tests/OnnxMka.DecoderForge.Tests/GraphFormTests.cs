using OnnxMka.Graph;

namespace OnnxMka.Forge.Tests;

/// <summary>The facts about exporters' graphs that the presets are there to show.</summary>
public sealed class GraphFormTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("forge-").FullName;

    [Fact]
    public void GenAi_joins_inside_norms_and_the_last_one_has_no_sum()
    {
        var graph = Load(LlamaPresets.GenAiLlamaGqa).Graph;
        var skips = graph.Nodes.Where(n => n.OpType == "SkipSimplifiedLayerNormalization").ToArray();
        Assert.Equal(8, skips.Length);
        Assert.All(skips[..^1], n => Assert.Equal(4, n.Outputs.Length));
        Assert.Single(skips[^1].Outputs);
        Assert.Equal("/model/layers.4/final_norm_layernorm/SkipLayerNorm", skips[^1].Name);
        Assert.Equal("/model/layers.1/input_layernorm/output_3", skips[1].Outputs[3]);
        Assert.True(
            graph.Nodes.Single(n => n.OpType == "SimplifiedLayerNormalization").Name == "/model/layers.0/input_layernorm/LayerNorm");
        Assert.Contains("model.layers.3.attn.q_proj.MatMul.weight", graph.Initializers.Keys);
        Assert.Contains(graph.Nodes, n => n.Name.StartsWith("/model/constant_nodes/INT64/", StringComparison.Ordinal));
    }

    [Fact]
    public void Skip_operands_come_in_both_orders()
    {
        Assert.Equal("/model/embed_tokens/Gather/output_0", FirstSkip(LlamaPresets.GenAiLlamaGqa).Inputs[0]);
        Assert.Equal("/model/embed_tokens/Gather/output_0", FirstSkip(LlamaPresets.GenAiSkipOperandsSwapped).Inputs[1]);

        OnnxNode FirstSkip(Preset preset) => Load(preset).Graph.Nodes.First(n => n.OpType == "SkipSimplifiedLayerNormalization");
    }

    [Fact]
    public void Ports_are_interleaved_or_grouped()
    {
        Assert.Equal(["past_key_values.0.key", "past_key_values.0.value"], Caches(LlamaPresets.TorchScriptLlama)[..2]);
        Assert.Equal(["past_key_values.0.key", "past_key_values.1.key"], Caches(LlamaPresets.GenAiLlamaGqa)[..2]);
        Assert.Equal(["past_0", "past_1"], Caches(LlamaPresets.TorchScriptCombinedPast)[..2]);
        Assert.Equal(["past_key_values.0", "past_key_values.1"], Caches(LlamaPresets.TorchScriptCombinedPastKeyValues)[..2]);
        Assert.Equal(
            "past_key_values.2.key",
            Load(RefusedPresets.PortsOutOfOrder).Graph.Nodes.First(n => n.OpType == "GroupQueryAttention").Inputs[3]);

        string[] Caches(Preset preset) =>
            [.. Load(preset).Graph.Inputs.Select(i => i.Name).Where(n => n.StartsWith("past_", StringComparison.Ordinal))];
    }

    [Fact]
    public void TorchScript_hoists_the_rope_reads_the_first_cache_and_aliases_casts()
    {
        var graph = Load(LlamaPresets.TorchScriptLlama).Graph;
        var hoisted = graph.Nodes
            .Where(
                n => n.OpType == "Unsqueeze"
                    && n.Inputs[0] is "/model/rotary_emb/Cos_output_0" or "/model/rotary_emb/Sin_output_0").ToArray();
        Assert.Equal(2, hoisted.Length);
        Assert.All(hoisted, n => Assert.StartsWith("/model/layers.0/self_attn/Unsqueeze", n.Name, StringComparison.Ordinal));
        Assert.Contains(graph.Nodes, n => n.OpType == "Shape" && n.Inputs[0] == "past_key_values.0.key");
        Assert.Contains(graph.Nodes, n => n.OpType == "Shape" && n.Inputs[0] == "present.1.key");
        Assert.Equal("/model/layers.1/input_layernorm/Cast_output_0", graph.Nodes.Single(n => n.Name == "/model/layers.1/Add").Inputs[0]);
        Assert.Contains("onnx::MatMul_1123", graph.Initializers.Keys);
    }

    [Fact]
    public void Equal_weights_are_shared_through_Identity_or_directly()
    {
        var identity = Load(LlamaPresets.TorchScriptIdentityShared).Graph;
        Assert.Equal(3, identity.Nodes.Count(n => n.OpType == "Identity"));
        Assert.DoesNotContain("model.layers.2.input_layernorm.weight", identity.Initializers.Keys);
        var direct = Load(LayerNormPresets.Gpt2OrtFused).Graph;
        Assert.DoesNotContain(direct.Nodes, n => n.OpType == "Identity");
        var shift = direct.Nodes.First(n => n.OpType == "SkipLayerNormalization");
        Assert.Equal(shift.Inputs[3], shift.Inputs[4]);
        Assert.Contains(direct.Nodes, n => n.Name == "SkipLayerNorm_AddBias_7");
        Assert.Contains(direct.Nodes, n => n.Name == "GptAttention_3");
    }

    [Fact]
    public void Dynamo_tells_the_layer_in_metadata_only()
    {
        var model = Load(LlamaPresets.DynamoLlama);
        Assert.Contains(model.Graph.Nodes, n => n.Name == "node_linear_3");
        Assert.DoesNotContain(model.Graph.Nodes, n => n.Name.Contains("layers", StringComparison.Ordinal));
        var scopes = model.Graph.Nodes.SelectMany(n => n.Metadata).Where(p => p.Key == "pkg.torch.onnx.name_scopes");
        Assert.Contains(scopes, p => p.Value.Contains("'model.layers.2'", StringComparison.Ordinal));
        Assert.Equal([64, 96], [.. model.Graph.Initializers["model.layers.0.mlp.down_proj.weight"].Shape]);
        Assert.Single(Load(LlamaPresets.DynamoLocalFunctions).Functions);
        Assert.Equal(
            4, Load(LlamaPresets.DynamoLocalFunctions).Graph.Nodes.Count(n => n.OpType.StartsWith("PerLayer", StringComparison.Ordinal)));
        Assert.Single(Load(LlamaPresets.DynamoNormFunctions).Functions);
        Assert.Empty(Load(LlamaPresets.DynamoConstantWeights).Graph.Initializers);
    }

    [Fact]
    public void Optimum_puts_both_steps_into_one_If()
    {
        var graph = Load(LlamaPresets.IfMergedOptimum).Graph;
        var node = Assert.Single(graph.Nodes);
        Assert.Equal("optimum::if", node.Name);
        Assert.Equal("use_cache_branch", Assert.Single(node.Inputs));
        Assert.Equal(graph.Outputs.Select(o => o.Name), node.Outputs);
        Assert.Contains("onnx::MatMul_1123_merged_0", graph.Initializers.Keys);
    }

    [Fact]
    public void LongRope_chooses_its_caches_in_an_If_and_both_are_right()
    {
        var model = LlamaPresets.GenAiLongRope.Model();
        Assert.Single(Load(LlamaPresets.GenAiLongRope).Graph.Nodes, n => n.OpType == "If");
        var threshold = model.Spec.Network.LongRopeThreshold;
        foreach (var length in new[] { threshold, threshold + 1 })
        {
            var reference = Runs.Prefill(StoredWeights.Reference(model), length);
            Assert.InRange(LogitTolerance.Distance(Runs.Prefill(model, length), reference), 0, Runs.Tolerance(model, reference));
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private OnnxModel Load(Preset preset)
    {
        var path = Path.Combine(_folder, $"{preset.Name}.onnx");
        File.WriteAllBytes(path, DecoderForge.Build(preset.Model()));
        return OnnxModel.Load(path);
    }
}
