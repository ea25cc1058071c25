using Microsoft.ML.OnnxRuntimeGenAI;
using OnnxMka.Blocks;
using OnnxMka.Graph;
using OnnxMka.Runtime;

namespace OnnxMka.Tests.Clients;

/// <summary>ONNX Runtime GenAI, a client that the product does not share code with, on an emitted folder.</summary>
public sealed class GenAiTests
{
    private const int NewTokens = 40;

    [Theory]
    [InlineData(OnnxMka.Planning.Method.Mka)]
    [InlineData(OnnxMka.Planning.Method.Drop)]
    public void Generates_what_our_own_step_loop_generates(OnnxMka.Planning.Method method)
    {
        using var folder = new TempFolder();
        Compression.Run(new CompressionOptions
        {
            Input = Books16.Folder,
            Output = folder["small"],
            Ratio = 0.4,
            Plan = new OnnxMka.Planning.PlanOptions { Method = method },
            CalibrationSamples = 64,
            Evaluate = false,
        });
        Assert.Equal(OwnLoop(Path.Combine(folder["small"], "model.onnx")), Generate(folder["small"]));
    }

    private static int[] Generate(string folder)
    {
        using var model = new Model(folder);
        using var options = new GeneratorParams(model);
        options.SetSearchOption("max_length", Books16.Prompt.Length + NewTokens);
        options.SetSearchOption("do_sample", false);
        using var generator = new Generator(model, options);
        generator.AppendTokens(Books16.Prompt);
        while (!generator.IsDone()) generator.GenerateNextToken();
        return generator.GetSequence(0).ToArray();
    }

    private static int[] OwnLoop(string path)
    {
        var model = OnnxModel.Load(path);
        using var session = DecoderSession.Load(BlockDetector.Detect(model), ExecutionTarget.Cpu);
        var tokens = new List<int>(Books16.Prompt);
        var logits = session.Step(Books16.Prompt);
        while (tokens.Count < Books16.Prompt.Length + NewTokens)
        {
            var last = logits.AsSpan(logits.Length - 2048);
            tokens.Add(System.Numerics.Tensors.TensorPrimitives.IndexOfMax((ReadOnlySpan<float>)last));
            // <|endoftext|>
            if (tokens[^1] == 0) break;
            logits = session.Step([tokens[^1]]);
        }

        return [.. tokens];
    }
}
