using OnnxMka.Alignment;
using OnnxMka.Cli;
using OnnxMka.Outcomes;
using OnnxMka.Running.Sessions;

namespace OnnxMka.Tests.Cli;

/// <summary>Who scores, and what is said of it: nobody who asked for a GPU gets the CPU without a word.</summary>
public sealed class ScoringDeviceTests
{
    private static readonly ExecutionTarget Cuda = new("CUDA", 3, null);
    private static readonly ScoringDeviceException Broken = new("GPU 3 cannot be used for scoring", new InvalidOperationException());

    private readonly List<string> _notes = [];

    [Theory]
    [InlineData("auto")]
    [InlineData("cuda")]
    public void A_GPU_scores_and_is_named(string requested)
    {
        var gpu = new Gpu();
        Assert.Same(gpu, Chosen(requested, Cuda, () => gpu));
        Assert.Equal(["scoring on a GPU"], _notes);
    }

    [Fact]
    public void It_is_opened_once_for_all_scorings()
    {
        var opened = 0;
        var kernels = ScoringDevice.For("auto", 3, Cuda, () =>
        {
            opened++;
            return new Gpu();
        });
        Assert.Same(kernels(_notes.Add), kernels(_notes.Add));
        Assert.Equal(1, opened);
    }

    [Fact]
    public void Cuda_without_a_GPU_to_score_on_fails()
    {
        var refused = Assert.Throws<ExecutionTargetException>(() => Chosen("cuda", Cuda, () => null));
        Assert.Equal(
            "CUDA was asked for and is not usable: scoring finds no GPU 3. Use --ep cpu, or --ep auto to fall back.", refused.Message);
        Assert.Same(Broken, Assert.Throws<ScoringDeviceException>(() => Chosen("cuda", Cuda, () => throw Broken)));
    }

    [Fact]
    public void Auto_scores_on_the_CPU_and_says_why()
    {
        Assert.IsType<CpuScoringKernels>(Chosen("auto", Cuda, () => null));
        Assert.IsType<CpuScoringKernels>(Chosen("auto", ExecutionTarget.Cpu, () => throw Broken));
        Assert.Equal(["scoring on the CPU (scoring finds no GPU 3)", "scoring on the CPU (GPU 3 cannot be used for scoring)"], _notes);
    }

    /// <summary>The note of the target has said that there is none.</summary>
    [Fact]
    public void Auto_says_nothing_twice_where_there_is_no_GPU()
    {
        Assert.IsType<CpuScoringKernels>(Chosen("auto", ExecutionTarget.Cpu, () => null));
        Assert.Empty(_notes);
    }

    [Fact]
    public void Cpu_asks_no_GPU()
    {
        Assert.IsType<CpuScoringKernels>(Chosen("cpu", ExecutionTarget.Cpu, () => throw new InvalidOperationException("was asked")));
        Assert.Empty(_notes);
    }

    private IScoringKernels Chosen(string requested, ExecutionTarget target, Func<IScoringKernels?> onCuda) =>
        ScoringDevice.For(requested, 3, target, onCuda)(_notes.Add);

    private sealed class Gpu : IScoringKernels
    {
        public string Name => "a GPU";

        public void SquaredDistances(SampleMatrix x, double[] squared, int maxThreads) => throw new NotSupportedException();

        public IDiffusionOperator Diffusion(SampleMatrix x, Func<double[], double> width, int maxThreads) =>
            throw new NotSupportedException();

        public void NeighbourCounts(
            ScaledCoordinates left, ScaledCoordinates right, int neighbours, Span<int> leftCounts, Span<int> rightCounts) =>
            throw new NotSupportedException();
    }
}
