using OnnxMka.Outcomes;
using OnnxMka.Running.Activations;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Tests.Running.Parts;

public sealed class RunnerTests
{
    [Theory]
    [InlineData(64L << 30, null, RunMode.Whole)]
    [InlineData(64L << 20, null, RunMode.Chain)]
    [InlineData(64L << 20, 64L << 30, RunMode.Whole)] // what --memory says goes before what the device has
    public void On_a_GPU_the_model_has_to_fit_its_memory(long device, long? memory, RunMode mode)
    {
        var target = new ExecutionTarget("CUDA", 0, null) { DeviceMemory = device };
        var options = new RunningOptions { Target = target, Memory = memory };
        Assert.Equal(mode, Runner.For(Books16.Map, ChainSamples.Set, options).Mode);
    }

    [Fact]
    public void Fewer_samples_run_at_once_where_memory_is_short()
    {
        var set = new CalibrationSet([.. Enumerable.Range(0, 64).Select(_ => new int[128])], 128, "zeros", "");
        var options = new RunningOptions { BatchSize = 64 };
        long Parts(int batch) => MemoryEstimate.Of(Books16.Map, set, batch, ExecutionTarget.Cpu).ChainParts!.Value;
        Assert.Equal(64, Runner.For(Books16.Map, set, options with { Memory = Parts(64) }).ChainOptions.BatchSize);
        Assert.Equal(16, Runner.For(Books16.Map, set, options with { Memory = Parts(16) }).ChainOptions.BatchSize);
        Assert.Equal(8, Runner.For(Books16.Map, set, options with { Memory = Parts(16) - 1 }).ChainOptions.BatchSize);
        Assert.Equal(1, Runner.For(Books16.Map, set, options with { Memory = 1 }).ChainOptions.BatchSize);
    }

    /// <summary>What was decided for the largest set holds for smaller ones, which alone would run whole.</summary>
    [Fact]
    public void A_smaller_set_runs_as_the_largest_does()
    {
        var largest = ChainSamples.Set with { Samples = [.. Enumerable.Repeat(ChainSamples.Set.Samples, 8).SelectMany(s => s)] };
        long Needed(CalibrationSet set) => MemoryEstimate.Of(Books16.Map, set, 4, ExecutionTarget.Cpu).Whole;
        var options = new RunningOptions { BatchSize = 4, Memory = Needed(largest) - 1 };
        Assert.True(Needed(ChainSamples.Set) <= options.Memory);
        Assert.Equal(RunMode.Whole, Runner.For(Books16.Map, ChainSamples.Set, options).Mode);
        var runner = Runner.For(Books16.Map, largest, options);
        Assert.Equal((RunMode.Chain, false), (runner.Mode, runner.WholeFits));
        var said = new Said();
        runner.Pooled(Books16.Map, ChainSamples.Set, Pooling.Mean, said);
        Assert.Equal([$"one block at a time: {runner.Why}", "calibrate 170 samples x blocks"], said.Lines);
        Assert.Matches("^the whole model takes about [0-9]+ MB and [0-9]+ MB may be used$", runner.Why);
    }

    [Fact]
    public void A_whole_run_needs_no_words()
    {
        var said = new Said();
        Runners.Whole(4).Pooled(Books16.Map, ChainSamples.Set, Pooling.Mean, said);
        Assert.Equal(["calibrate 10 samples"], said.Lines);
    }

    [Fact]
    public void What_is_forced_says_so()
    {
        var (set, options) = (ChainSamples.Set, new RunningOptions());
        var forced = Runner.For(Books16.Map, set, options with { Mode = RunMode.Chain });
        Assert.Equal((RunMode.Chain, true, "as --run says"), (forced.Mode, forced.WholeFits, forced.Why));
        forced = Runner.For(Books16.Map, set, options with { Mode = RunMode.Whole, Memory = 1 });
        Assert.Equal((RunMode.Whole, false, "as --run says"), (forced.Mode, forced.WholeFits, forced.Why));
    }

    private sealed class Said : IProgressSink
    {
        public List<string> Lines { get; } = [];

        public IStage Begin(string name, long total, string unit)
        {
            Lines.Add($"{name} {total} {unit}");
            return NoProgress.Instance;
        }

        public void Note(string text) => Lines.Add(text);
    }
}
