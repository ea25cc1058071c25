using OnnxMka.Compensation;
using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Compensation;

/// <summary>The weights that write to the stream are found by structure, in every form, with their layout and their bias.</summary>
public sealed class ResidualWriterTests
{
    public static TheoryData<string> Found => new(
        nameof(LlamaPresets.TorchScriptLlama),
        nameof(LlamaPresets.TorchScriptGemm),
        nameof(LlamaPresets.TorchScriptFp16),
        nameof(LlamaPresets.OrtOptimizedLlama),
        nameof(LlamaPresets.GenAiLlamaGqa),
        nameof(LlamaPresets.GenAiSkipOperandsSwapped),
        nameof(LlamaPresets.GenAiUnfusedNorms),
        nameof(LlamaPresets.DynamoLlama),
        nameof(LlamaPresets.DynamoConstantWeights),
        nameof(LayerNormPresets.Gpt2TorchScript),
        nameof(LayerNormPresets.Gpt2OrtFusedOwnWeights),
        nameof(LayerNormPresets.OptPreNorm),
        nameof(LayerNormPresets.OptFused),
        nameof(TopologyPresets.Phi2Parallel),
        nameof(TopologyPresets.Phi2ResidualFirst),
        nameof(TopologyPresets.GenAiPhi2),
        nameof(TopologyPresets.GptNeoX),
        nameof(TopologyPresets.FalconParallel),
        nameof(TopologyPresets.Qwen2Biases),
        nameof(TopologyPresets.Granite));

    [Theory]
    [MemberData(nameof(Found))]
    public void Output_and_down_projection_of_every_block(string name)
    {
        var model = Presets.ByName(name).Model();
        using var folder = new TempFolder();
        DecoderForge.WriteFolder(model, folder.FullPath);
        var compensated = new CompensatedModel(BlockDetector.Detect(OnnxModel.Load(folder["model.onnx"])), CompensationFixture.Scratch());
        for (var block = 0; block < compensated.Map.Count; block++)
        {
            var (writers, obstacles) = compensated.Writers(block);
            Assert.Empty(obstacles);
            Assert.Equal(2, writers.Length);
            var weights = model.Weights.Blocks[block];
            // Parallel branches may stand in either order; a sequential block has attention first.
            var attentionFirst = Same(compensated.Weight(writers[0]), weights[Role.Output]);
            var (output, down) = attentionFirst ? (writers[0], writers[1]) : (writers[1], writers[0]);
            Assert.True(Same(compensated.Weight(output), weights[Role.Output]), "output");
            Assert.True(Same(compensated.Weight(down), weights[Role.Down]), "down");
            AssertBias(compensated.Map, output, weights.GetValueOrDefault(Role.OutputBias));
            AssertBias(compensated.Map, down, weights.GetValueOrDefault(Role.DownBias));
        }
    }

    /// <summary>
    /// A norm or experts between the weight and the stream: the weight's product is not what is added, so it is not taken.
    /// </summary>
    [Theory]
    [InlineData(nameof(TopologyPresets.Gemma2Sandwich))]
    [InlineData(nameof(MixedPresets.MoEFused))]
    public void What_is_not_added_as_it_is_is_named_and_left_alone(string name)
    {
        using var folder = new TempFolder();
        DecoderForge.WriteFolder(Presets.ByName(name).Model(), folder.FullPath);
        var (writers, obstacles) = new CompensatedModel(
            BlockDetector.Detect(OnnxModel.Load(folder["model.onnx"])), CompensationFixture.Scratch()).Writers(1);
        Assert.NotEmpty(obstacles);
        Assert.True(writers.Length < 2);
    }

    private static void AssertBias(BlockMap map, ResidualWriter writer, WeightTensor? expected)
    {
        if (expected is null)
        {
            Assert.Null(writer.Bias);
            return;
        }

        using var reader = new TensorReader();
        Assert.Equal(expected.Span.ToArray(), reader.ReadFloats(map.Tensor(writer.Bias!.Initializer)));
    }

    private static bool Same(double[] values, WeightTensor expected) =>
        values.AsSpan().SequenceEqual(expected.Values.ToArray().Select(v => (double)v).ToArray());
}
