using OnnxMka.Alignment;
using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Running.Activations;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Tests.Running.Parts;

namespace OnnxMka.Tests.Running.Sessions;

/// <summary>The trained fixture on the GPU of this machine, against the CPU.</summary>
public sealed class CudaRunTests
{
    /// <summary>
    /// Relative to the largest value. Both sum in fp32 (TF32 is off) in different orders: a product over 128 to 352 features is off by
    /// some sqrt(352) 2^-24, and fourteen operations a block, 16 blocks in a row, add to below 16 * 14 * 19 * 2^-24 = 2.6e-4. A product in
    /// TF32 would be off by 2^-11 alone.
    /// </summary>
    private const double Tolerance = 2.6e-4;

    private static readonly ExecutionTarget Cuda = new("CUDA", 0, null);

    [CudaFact]
    public void Pooled_activations_are_those_of_the_CPU()
    {
        var cpu = Pooled(Pooling.Mean, ExecutionTarget.Cpu);
        Assert.InRange(Worst(cpu, Pooled(Pooling.Mean, Cuda)), 0, Tolerance);
        Assert.True(Worst(cpu, Pooled(Pooling.Last, Cuda)) > Tolerance);
    }

    [CudaFact]
    public void Steps_with_a_cache_on_the_device_agree_with_one_run()
    {
        using var session = DecoderSession.Load(Books16.Map, Cuda);
        Assert.InRange(StepCheck.Difference(session, Books16.Prompt), 0, Tolerance);
    }

    [CudaFact]
    public void Logits_are_those_of_the_CPU()
    {
        using var session = DecoderSession.Load(Books16.Map, Cuda);
        Assert.InRange(
            Compare.Relative(Books16.Logits(Books16.Map.Model, Books16.Prompt), session.Logits(Books16.Prompt, 1)), 0, Tolerance);
    }

    [CudaFact]
    public void The_command_runs_on_it()
    {
        using var folder = new TempFolder();
        var result = ToolProcess.Run(
            Books16.ModelPath,
            folder["out.onnx"],
            "--ratio",
            "0.25",
            "--ep",
            "cuda",
            "--calib-samples",
            "32",
            "--eval-samples",
            "4",
            "--report",
            folder["report.json"],
            "--quiet");
        Assert.Equal("", result.Errors);
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("\"executionProvider\": \"CUDA\"", File.ReadAllText(folder["report.json"]), StringComparison.Ordinal);
    }

    private static SampleMatrix[] Pooled(Pooling pooling, ExecutionTarget target) =>
        Runner.Whole(new RunningOptions { BatchSize = 4, Target = target })
            .Pooled(Books16.Map, ChainSamples.Set, pooling, NoProgress.Instance);

    private static double Worst(SampleMatrix[] expected, SampleMatrix[] actual) =>
        expected.Zip(actual, (e, a) => Compare.Relative(e.Values.ToArray(), a.Values.ToArray())).Max();
}
