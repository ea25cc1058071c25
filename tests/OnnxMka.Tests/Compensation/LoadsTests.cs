using System.Collections.Concurrent;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Steps.Refitting;

namespace OnnxMka.Tests.Compensation;

/// <summary>What is read from disk and converted: no weight twice, but for a change that is tried.</summary>
public sealed class LoadsTests
{
    private readonly ConcurrentQueue<int> _loads = new();
    private readonly ConcurrentDictionary<int, int> _alive = new();
    private int _most;

    private ChainOptions Watched => new()
    {
        BatchSize = 8,
        Watch = (place, isLoaded) =>
        {
            if (isLoaded) _loads.Enqueue(place);
            _alive.AddOrUpdate(place, 1, (_, n) => n + (isLoaded ? 1 : -1));
            _most = Math.Max(_most, _alive.Values.Sum());
        },
    };

    [Fact]
    public void Both_halves_of_the_text_go_through_one_load_of_each_part()
    {
        var chain = BlockChain.Of(Books16.Map, ExecutionTarget.Cpu, Watched);
        using var seams = SplitSeams.Of(chain, new CalibrationSplit(CompensationFixture.Windows(0, 2), CompensationFixture.Windows(2, 1)));
        Assert.Equal([-1, -1, .. Enumerable.Range(0, 16)], _loads); // the prelude is a table that is looked up
        Assert.Equal((2, 1), (seams.Fit.Set.Count, seams.HeldOut!.Set.Count));

        // The same as one by one.
        using var alone = OriginalSeams.Of(CompensationFixture.Chain(Books16.Map), CompensationFixture.Windows(2, 1));
        float[] expected = new float[128 * 128], found = new float[128 * 128];
        alone[15].ReadFloats(0, expected);
        seams.HeldOut[15].ReadFloats(0, found);
        Assert.Equal(expected, found);
    }

    /// <summary>
    /// The unit as it came, and each change that was tried: one that is kept stays loaded, and after one that is not the unit is loaded
    /// again. Never two at once.
    /// </summary>
    [Fact]
    public void A_unit_is_loaded_once_and_once_a_change()
    {
        var split = new CalibrationSplit(CompensationFixture.Windows(0, 3), CompensationFixture.Windows(3, 1));
        var plan = MergePlanner.Plan(Books16.Map, null, new PlanOptions { Method = Method.Drop, Named = [12, 13] }, "");
        using var seams = SplitSeams.Of(CompensationFixture.Chain(Books16.Map), split);
        var (_, steps) = Pass.Run(
            ModelRewriter.Reduce(Books16.Map, plan),
            plan,
            seams,
            new Refit().Work(),
            Watched,
            ExecutionTarget.Cpu,
            CompensationFixture.Scratch());
        Assert.Contains(steps, s => s.Kept);
        foreach (var (unit, place) in new[] { (11, 11), (14, 12), (15, 13) })
        {
            var tries = steps.Where(s => s.Block == unit).Sum(s => 1 + (int)Math.Round(Math.Log10(s.Ridge!.Value / 1e-2)));
            Assert.InRange(_loads.Count(p => p == place), 1 + tries, 1 + tries + steps.Count(s => s.Block == unit && !s.Kept));
        }

        Assert.Equal(1, _most);
        Assert.All(_alive.Values, n => Assert.Equal(0, n));
    }
}
