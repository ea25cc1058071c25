using OnnxMka.Bench;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Running.Parts;
using OnnxMka.Steps.Correcting;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Merging;
using OnnxMka.Steps.SeamMapping;
using OnnxMka.Sweeping;

namespace OnnxMka.Tests.Measuring;

/// <summary>Equal models are measured once: the control of a plain drop is the drop.</summary>
public sealed class MeasuredOnceTests
{
    private const int Windows = 8;

    /// <summary>Perplexities: of the original and the result; and of the plain drop where that is another model.</summary>
    [Theory]
    [InlineData("drop", 2)]
    [InlineData("merge", 3)]
    [InlineData("merge with share 1", 2)]
    [InlineData("linear", 3)]
    [InlineData("nothing", 1)]
    public void A_compression_measures_each_model_once(string way, int models)
    {
        using var folder = new TempFolder();
        Step[] steps = way switch
        {
            "merge" => [new Merge { Blocks = ["3"], Alpha = 0.6 }],
            "merge with share 1" => [new Merge { Blocks = ["3"], Alpha = 1 }],
            "linear" => [new Drop { Blocks = ["3"] }, new MapSeams()],
            "nothing" => [new Drop()],
            _ => [new Drop { Blocks = ["3"] }],
        };
        var (sink, options) = (new Counting(), SmallDecoder.Write(SmallDecoder.Map, folder["in"]));
        var result = Compressor.Run(options.With(steps) with { Output = new() { Path = folder["out"] } }, sink);
        Assert.Equal(models * Windows, sink.Done("perplexity"));
        Assert.Equal(OnnxMka.Measuring.Speed.Work(Math.Min(models, 2)), sink.Done("speed"));
        var quality = result.Quality!;
        Assert.Equal(models < 3, quality.Result == quality.PlainDrop);
        Assert.Equal(models < 2, quality.Result == quality.Original);
        Assert.Equal(2, quality.Speed!.Models.Length);
        // What was said to be equal is: measured apart, the plain drop differs by nothing, and the original neither.
        using var texts = new OnnxMka.Running.Tokens.Texts(options.Recipe.Calibration, options.Input);
        double Measured(OnnxMka.Structure.BlockMap map) =>
            OnnxMka.Measuring.Perplexity.Measure(Runner.Whole(options.Running), map, texts.HeldBack!).MeanNll;
        Assert.Equal(
            Measured(OnnxMka.Rewriting.ModelRewriter.Apply(SmallDecoder.Map, result.Plan.AsDrop()).Blocks), quality.PlainDrop.MeanNll);
        Assert.Equal(Measured(SmallDecoder.Map), quality.Original.MeanNll);
    }

    /// <summary>Ways that come to the same blocks, or to none, are the same models.</summary>
    [Fact]
    public void A_sweep_measures_each_model_once()
    {
        using var folder = new TempFolder();
        var (sink, options) = (new Counting(), SmallDecoder.Write(SmallDecoder.Map, folder["in"]));
        SweepMethod[] ways = [new(Method.Drop, "tail"), new(Method.Drop), new(Method.Drop, "tail", "linear")];
        var result = Sweep.Run(options, new SweepOptions([0, 0.34], [.. ways], null) { Select = "tail" }, sink);
        Assert.Equal(6, result.Points.Length);
        // The original, two blocks dropped, and the same with nodes behind the cut.
        Assert.Equal(3 * Windows, sink.Total("windows"));
        Assert.Equal(2 * OnnxMka.Measuring.Speed.Work(2), sink.Total("runs"));
        Assert.All(result.Points.Where(p => p.Removed == 0), p => Assert.Equal((0.0, 1.0), (p.Increase, p.Speedup)));
        var drops = result.Points.Where(p => p.Removed == 2 && p.Way.Correction is null).ToArray();
        Assert.Equal(drops[0].Perplexity, drops[1].Perplexity);
        Assert.NotEqual(drops[0].Perplexity, result.Points.Single(p => p.Removed == 2 && p.Way.Correction is not null).Perplexity);
    }

    /// <summary>What stages have done, by name and by unit.</summary>
    private sealed class Counting : IProgressSink
    {
        private readonly List<Stage> _stages = [];

        public long Done(string name) => _stages.Where(s => s.Name == name).Sum(s => s.Done);

        public long Total(string unit) => _stages.Where(s => s.Unit == unit).Sum(s => s.Done);

        public IStage Begin(string name, long total, string unit)
        {
            _stages.Add(new Stage(name, unit));
            return _stages[^1];
        }

        public void Note(string text)
        {
        }

        private sealed class Stage(string name, string unit) : IStage
        {
            private long _done;

            public string Name => name;

            public string Unit => unit;

            public long Done => _done;

            public void Advance(long amount) => Interlocked.Add(ref _done, amount);

            public void Dispose()
            {
            }
        }
    }
}
