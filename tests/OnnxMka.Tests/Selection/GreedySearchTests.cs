using System.Collections.Concurrent;
using OnnxMka.Bench;
using OnnxMka.Graph;
using OnnxMka.Measuring;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Selection;
using OnnxMka.Structure;
using OnnxMka.Tests.Compensation;

namespace OnnxMka.Tests.Selection;

/// <summary>Greedy searches: what they run, what they weigh, and that they can be interrupted.</summary>
public sealed class GreedySearchTests
{
    /// <summary>
    /// The chain runs the same operators; 16 blocks of float32 rounding move a mean over 254 tokens by less than 1e-5 nats.
    /// </summary>
    private const double Tolerance = 1e-5;

    private static readonly PlanOptions Drop = new() { Method = Method.Drop };

    [Fact]
    public void A_candidate_runs_only_what_follows_it_and_a_block_is_loaded_once_for_all()
    {
        var loads = new ConcurrentQueue<int>();
        var chain = BlockChain.Of(
            Books16.Map, ExecutionTarget.Cpu, new ChainOptions { Watch = (place, loaded) => { if (loaded) loads.Enqueue(place); } });
        using var seams = OriginalSeams.Of(chain, CompensationFixture.Test);
        loads.Clear();
        using var greedy = new GreedyLoss(chain, seams, new GreedyOptions { Candidates = [12, 13] });
        greedy.Choose(1, null, default);
        // Blocks 13, 14, 15 and the head measure both; then what follows the one that goes gets new seams.
        Assert.Equal([13, 14, 15, 16], loads.Take(4));
        Assert.True(loads.Skip(4).Min() >= 13);
        Assert.True(loads.Count <= 7);
    }

    [Fact]
    public void An_interrupted_search_goes_on_to_the_same_end()
    {
        using var folder = new TempFolder();
        using var seams = OriginalSeams.Of(CompensationFixture.Chain(Books16.Map), CompensationFixture.Test);
        var whole = Search(seams, null).Choose(3, null, default);
        using var cancel = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(
            () => Search(seams, folder["state.json"]).Choose(3, new Stop(5, cancel), cancel.Token));
        Assert.Single(SelectionState.Of(Journal.Open(folder["state.json"], "job"), "key").Rounds);
        var resumed = Search(seams, folder["state.json"]).Choose(3, null, default);
        Assert.Equal(whole.AsEnumerable(), resumed);
        // A search for fewer or more blocks takes the rounds there are.
        Assert.Equal(whole.Take(2), Search(seams, folder["state.json"]).Choose(2, null, default));
        Assert.Equal(["state.json"], Directory.GetFiles(folder.FullPath).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("""{"version":2,"key":"other","losses":{},"lists":{}}""")]
    [InlineData("""{"version":1,"key":"job","losses":{},"lists":{}}""")]
    [InlineData("""{"version":2,"key":"job","losses":{},"lists":{"greedy-loss key":[{"block":99,"score":3}]}}""")]
    [InlineData("not json")]
    public void State_of_another_search_is_refused(string state)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["state.json"], state);
        using var seams = OriginalSeams.Of(CompensationFixture.Chain(Books16.Map), CompensationFixture.Test);
        Assert.Equal(
            "MKA060", Assert.Throws<RefusedException>(() => Search(seams, folder["state.json"]).Choose(1, null, default)).Refusal.Code);
    }

    [Fact]
    public void Merges_are_weighed_against_drops_as_on_the_whole_model()
    {
        var set = CompensationFixture.Test;
        var chain = CompensationFixture.Chain(Books16.Map);
        using var seams = OriginalSeams.Of(chain, set);
        // The first round is known: a merge, which no later one may forget.
        using var folder = new TempFolder();
        File.WriteAllText(
            folder["state.json"],
            """{"version":2,"key":"job","losses":{},"lists":{"greedy-loss key":[{"block":12,"score":3.7,"alpha":0.7}]}}""");
        using var greedy = new GreedyLoss(
            chain,
            seams,
            new GreedyOptions
            {
                Candidates = [12, 13],
                Alpha = (_, _) => 0.9,
                ProtectFirst = 1,
                State = SelectionState.Of(Journal.Open(folder["state.json"], "job"), "key"),
            });
        var report = new SelectionReport("greedy-loss", greedy.Choose(2, null, default));
        var first = new MergeStep(11, 12, null, 0.7);
        var losses = new[] { 1, 0.9 }.Select(a => (Alpha: a, Loss: Loss([first, new MergeStep(null, 13, null, a)])))
            .OrderBy(l => l.Loss)
            .ToArray();
        var chosen = report.Chosen[1];
        Assert.Equal(losses[0].Alpha, chosen.Alpha ?? 1);
        Assert.Equal(losses[0].Loss, chosen.Score, Tolerance);
        Assert.Equal(losses[1].Loss, chosen.OtherScore!.Value, Tolerance);
        Assert.Equal([first, new MergeStep(11, 13, null, chosen.Alpha ?? 1)], report.Steps(Books16.Map));

        double Loss(MergeStep[] steps)
        {
            var dropped = ModelRewriter.Apply(Books16.Map, MergePlanner.Of(Books16.Map, steps, Drop, ""));
            return Perplexity.Measure(Runners.Whole(8), dropped.Blocks, set).MeanNll;
        }
    }

    [Fact]
    public void Halves_are_chosen_as_on_the_whole_model()
    {
        var set = CompensationFixture.Test;
        var map = BlockDetector.Detect(OnnxModel.Load(Books16.ModelPath), Granularity.Sublayer);
        var chain = CompensationFixture.Chain(map);
        using var seams = OriginalSeams.Of(chain, set);
        int[] candidates = [26, 27, 28, 29];
        using var greedy = new GreedyLoss(chain, seams, new GreedyOptions { Candidates = candidates });
        var chosen = greedy.Choose(1, null, default)[0];
        var losses = candidates.Select(b =>
        {
            var without = ModelRewriter.Apply(map, MergePlanner.Plan(map, null, Drop with { Named = [b] }, ""));
            return (Block: b, Perplexity.Measure(Runners.Whole(8), without.Blocks, set).MeanNll);
        }).ToArray();
        Assert.Equal(losses.MinBy(l => l.MeanNll).Block, chosen.Block);
        Assert.Equal(losses.Min(l => l.MeanNll), chosen.Score, Tolerance);
    }

    private static GreedyLoss Search(OriginalSeams seams, string? state) =>
        new(CompensationFixture.Chain(Books16.Map), seams, new GreedyOptions
        {
            Candidates = [11, 12, 13, 14],
            State = state is null ? null : SelectionState.Of(Journal.Open(state, "job"), "key"),
        });

    /// <summary>Cancels once so many losses are measured.</summary>
    private sealed class Stop(int losses, CancellationTokenSource cancel) : IProgress<int>
    {
        private int _done;

        public void Report(int value)
        {
            _done += value;
            if (_done >= losses) cancel.Cancel();
        }
    }
}
