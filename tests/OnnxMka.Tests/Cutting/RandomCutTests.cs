using System.Collections.Concurrent;
using OnnxMka.Forge;

namespace OnnxMka.Tests.Cutting;

/// <summary>
/// Random decoders, cut wherever they can be cut: what is written computes what its factors say. The number of cases comes from
/// <c>CUT_CASES</c>, the first seed from <c>FORGE_SEED</c>; a failure names its seed.
/// </summary>
public sealed class RandomCutTests
{
    [Fact]
    public void Random_decoders_are_cut_rightly_or_refused()
    {
        var (first, count) = (Setting("FORGE_SEED", 0), Setting("CUT_CASES", 8));
        var (cut, wrong) = (0, new ConcurrentBag<string>());
        Parallel.For(first, first + count, new ParallelOptions { MaxDegreeOfParallelism = 2 }, seed =>
        {
            var built = Fused(RandomDecoder.Model(seed), seed);
            try
            {
                using var model = new CutModel(built);
                if (!model.Halved.IsEmpty) Interlocked.Increment(ref cut);
                if (CutFormTests.Problem(model) is { } problem) wrong.Add($"FORGE_SEED={seed} CUT_CASES=1: {built}: {problem}");
            }
            catch (RefusedException)
            {
                // It is not counted as cut.
            }
            catch (Exception e)
            {
                wrong.Add($"FORGE_SEED={seed} CUT_CASES=1: {built}: {e}");
            }
        });
        Assert.True(wrong.IsEmpty, string.Join('\n', wrong));
        // The control: if most had nothing to cut, nothing would have been tried.
        Assert.True(cut >= count / 2, $"{cut} of {count} were cut");
    }

    /// <summary>Gate and up as one matrix in every second decoder. Draws of the builder itself stay as they were.</summary>
    private static DecoderModel Fused(DecoderModel model, int seed)
    {
        var random = new Random(~seed);
        if (random.Next(2) == 0) return model;
        var form = Enum.GetValues<GateUpForm>()[random.Next(Enum.GetValues<GateUpForm>().Length)];
        return model with { Spec = model.Spec with { Form = model.Spec.Form with { GateUp = form } } };
    }

    private static int Setting(string name, int fallback) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), out var value) ? value : fallback;
}
