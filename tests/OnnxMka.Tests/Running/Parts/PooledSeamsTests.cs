using OnnxMka.Alignment;
using OnnxMka.Outcomes;
using OnnxMka.Running.Activations;
using OnnxMka.Running.Parts;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Running.Parts;

public sealed class PooledSeamsTests(FusedBooks16 fused) : IClassFixture<FusedBooks16>
{
    [Theory]
    [InlineData(Pooling.Mean)]
    [InlineData(Pooling.Last)]
    public void Pooled_activations_equal_those_of_the_whole_model(Pooling pooling) =>
        Assert.InRange(Distance(Books16.Map, pooling), 0, ChainSamples.Tolerance);

    [Fact]
    public void Pooled_activations_equal_those_of_the_whole_model_with_fused_seams()
    {
        Assert.All(fused.Map.Blocks, b => Assert.True(b.Output.IsFused));
        Assert.False(fused.Map.Blocks[0].Input.IsFused);
        Assert.InRange(Distance(fused.Map, Pooling.Mean), 0, ChainSamples.Tolerance);
    }

    /// <summary>The tolerance sees one weight of 45,056 moved by 0.02.</summary>
    [Fact]
    public void One_other_weight_makes_a_difference()
    {
        var down = ChainSamples.DownProjection(Books16.Map);
        using var reader = new OnnxMka.Graph.TensorReader();
        var weight = reader.ReadFloats(Books16.Map.Tensor(down))[777];
        var edited = Books16.Map with { Model = ChainSamples.WithWeight(Books16.Map.Model, down, 777, weight + 0.02f) };
        var whole = Whole(Books16.Map, Pooling.Mean);
        var chain = ByParts(edited, Pooling.Mean);
        Assert.Equal(whole[6].Values.ToArray(), chain[6].Values.ToArray());
        Assert.All(
            Enumerable.Range(7, 9),
            seam => Assert.True(Compare.Relative(whole[seam].Values.ToArray(), chain[seam].Values.ToArray()) > ChainSamples.Tolerance));
    }

    /// <summary>Layer 10 asks seam 3 for its length: all seams are equally long, so the part asks its own.</summary>
    [Fact]
    public void A_length_may_come_from_another_seam()
    {
        var model = ChainSamples.WithInput(Books16.Map.Model, "/model/layers.10/self_attn/Shape", 0, "/model/layers.3/Add_1_output_0");
        Assert.InRange(Distance(BlockDetector.Detect(model), Pooling.Mean), 0, ChainSamples.Tolerance);
    }

    [Fact]
    public void One_session_lives_at_a_time_and_each_part_is_loaded_once()
    {
        var alive = new HashSet<int>();
        var loaded = new List<int>();
        var most = 0;
        var options = ChainSamples.Options with
        {
            Watch = (place, isLoaded) =>
            {
                if (isLoaded) loaded.Add(place);
                Assert.True(isLoaded ? alive.Add(place) : alive.Remove(place));
                most = Math.Max(most, alive.Count);
            },
        };
        var progress = new Counter();
        With(options).Pooled(Books16.Map, ChainSamples.Set, Pooling.Mean, progress);
        Assert.Equal(1, most);
        Assert.Empty(alive);
        Assert.Equal(Enumerable.Range(-1, 17), loaded);
        Assert.Equal((17 * 10, 17 * 10), (progress.Announced, progress.Total));
    }

    [Fact]
    public void Cancellation_frees_the_session_and_leaves_no_file()
    {
        using var folder = new TempFolder();
        using var cancelled = new CancellationTokenSource();
        var alive = 0;
        var options = ChainSamples.Options with
        {
            SeamMemory = 0,
            SpillFolder = folder.FullPath,
            Watch = (_, isLoaded) => alive += isLoaded ? 1 : -1,
        };
        // The prelude and four blocks are done, and one batch of the next.
        var progress = new Counter(onTotal: 54, cancelled.Cancel);
        Assert.Throws<OperationCanceledException>(
            () => With(options).Pooled(Books16.Map, ChainSamples.Set, Pooling.Mean, progress, cancelled.Token));
        Assert.Equal(54, progress.Total);
        Assert.Equal(0, alive);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.FullPath));
        Assert.Equal(0, OpenFiles.Under(folder.FullPath));
    }

    [Fact]
    public void A_seam_that_is_not_finite_is_refused_as_by_the_whole_run()
    {
        var down = ChainSamples.DownProjection(Books16.Map);
        var map = Books16.Map with { Model = ChainSamples.WithWeight(Books16.Map.Model, down, 3, float.NaN) };
        var whole = Assert.Throws<RefusedException>(() => Whole(map, Pooling.Mean));
        var chain = Assert.Throws<RefusedException>(() => ByParts(map, Pooling.Mean));
        Assert.Equal(whole.Message, chain.Message);
        Assert.StartsWith("MKA033 block 7: its output is not finite for sample 0", chain.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Ids_beyond_the_vocabulary_are_refused()
    {
        var set = ChainSamples.Set with { Samples = [.. ChainSamples.Set.Samples.Select(s => s.Select(_ => 2048).ToArray())] };
        var refused = Assert.Throws<RefusedException>(
            () => Runners.ByParts(Books16.Map, set, 4).Pooled(Books16.Map, set, Pooling.Mean, NoProgress.Instance));
        Assert.Equal("MKA034", refused.Refusal.Code);
    }

    [Fact]
    public void No_batch_size_below_one() => Assert.Throws<ArgumentOutOfRangeException>(
        () => With(new ChainOptions { BatchSize = 0 }).Pooled(Books16.Map, ChainSamples.Set, Pooling.Mean, NoProgress.Instance));

    private static Runner With(ChainOptions options) =>
        Runners.ByParts(Books16.Map, ChainSamples.Set, 4) with { ChainOptions = options };

    private static SampleMatrix[] Whole(BlockMap map, Pooling pooling) =>
        Runners.Whole(4).Pooled(map, ChainSamples.Set, pooling, NoProgress.Instance);

    private static SampleMatrix[] ByParts(BlockMap map, Pooling pooling) =>
        Runners.ByParts(map, ChainSamples.Set, 4).Pooled(map, ChainSamples.Set, pooling, NoProgress.Instance);

    private static double Distance(BlockMap map, Pooling pooling)
    {
        var whole = Whole(map, pooling);
        var chain = ByParts(map, pooling);
        Assert.Equal(whole.Length, chain.Length);
        Assert.All(chain, m => Assert.Equal((10, 128), (m.Samples, m.Features)));
        return whole.Zip(chain, (w, c) => Compare.Relative(w.Values.ToArray(), c.Values.ToArray())).Max();
    }

    private sealed class Counter(long onTotal = -1, Action? action = null) : IProgressSink, IStage
    {
        public long Announced { get; private set; }

        public long Total { get; private set; }

        public IStage Begin(string name, long total, string unit)
        {
            Announced += total;
            return this;
        }

        public void Note(string text)
        {
        }

        public void Advance(long amount)
        {
            Total += amount;
            if (Total == onTotal) action?.Invoke();
        }

        public void Dispose()
        {
        }
    }
}
