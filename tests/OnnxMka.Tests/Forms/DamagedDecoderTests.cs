using System.Diagnostics;
using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Forms;

/// <summary>
/// Decoders whose graphs are damaged but readable: blocks are found and removed, or the model is refused. <c>DAMAGE_CASES</c> and
/// <c>DAMAGE_SEED</c> in the environment change what is run.
/// </summary>
public sealed class DamagedDecoderTests
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    private static int Setting(string name, int fallback) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), out var value) ? value : fallback;

    [Fact]
    public void Damaged_decoders_are_rewritten_or_refused()
    {
        var (first, count) = (Setting("DAMAGE_SEED", 0), Setting("DAMAGE_CASES", 200));
        var forms = Presets.All.Select(p => (p.Name, Bytes: DecoderForge.Build(p.Model()))).ToArray();
        var failures = new System.Collections.Concurrent.ConcurrentDictionary<string, string>();
        var (rewritten, refused) = (0, 0);
        Parallel.For(first, first + count, new ParallelOptions { MaxDegreeOfParallelism = 2 }, () => new TempFolder(), (seed, _, folder) =>
        {
            var form = forms[seed % forms.Length];
            File.WriteAllBytes(folder["model.onnx"], GraphDamage.Of(form.Bytes, seed));
            var watch = Stopwatch.StartNew();
            try
            {
                Treat(folder["model.onnx"]);
                Interlocked.Increment(ref rewritten);
            }
            catch (RefusedException)
            {
                Interlocked.Increment(ref refused);
            }
            catch (Exception e)
            {
                failures.TryAdd(
                    string.Join('\n', e.ToString().Split('\n').Take(e is InvalidOperationException ? 1 : 3)),
                    $"DAMAGE_SEED={seed} DAMAGE_CASES=1 ({form.Name})");
            }

            if (watch.Elapsed > Longest)
                failures.TryAdd($"took {watch.Elapsed.TotalSeconds:0} s", $"DAMAGE_SEED={seed} DAMAGE_CASES=1 ({form.Name})");
            return folder;
        }, folder => folder.Dispose());
        Assert.True(failures.IsEmpty, string.Join("\n\n", failures.Select(f => $"{f.Value}: {f.Key}")));
        Assert.True(
            count < 200 || (rewritten > count / 10 && refused > count / 10),
            $"{rewritten} rewritten, {refused} refused: the damage tests less than it says");
    }

    /// <summary>What commands do with a model's structure.</summary>
    private static void Treat(string path)
    {
        var model = OnnxModel.Load(path);
        var map = BlockDetector.Detect(model);
        _ = Fingerprint.Of(model);
        _ = OnnxMka.Running.Sessions.GraphLengths.Of(map);
        _ = OnnxMka.Measuring.NextTokenScores.Obstacle(map);
        _ = Refusable(() => OnnxMka.Running.Sessions.DecoderPorts.Of(map));
        var merge = Refusable(() => Written(map, PlanOf(map, 0.6)));
        Written(map, PlanOf(map, 1));
        if (merge is not null) throw merge;
        Written(BlockDetector.Detect(model, Granularity.Sublayer), null);
    }

    private static RefusedException? Refusable(Action work)
    {
        try
        {
            work();
            return null;
        }
        catch (RefusedException e)
        {
            return e;
        }
    }

    private static void Written(BlockMap map, MergePlan? plan)
    {
        plan ??= PlanOf(map, 1);
        var rewritten = ModelRewriter.Apply(map, plan).Model;
        using var output = new TempFolder();
        var written = ModelWriter.Plan(rewritten, "model.onnx").Write(output.FullPath);
        _ = OnnxModel.Load(written.Files[0].Key);
    }

    /// <summary>Without block 1, or with it merged into block 0.</summary>
    internal static MergePlan PlanOf(BlockMap map, double alpha)
    {
        var groups = Enumerable.Range(0, map.Count)
            .Where(b => b != 1)
            .Select(b => new OnnxMka.Planning.MergeGroup(b, System.Collections.Immutable.ImmutableSortedDictionary.CreateRange(
                b == 0 && alpha < 1
                    ? [KeyValuePair.Create(0, alpha), KeyValuePair.Create(1, 1 - alpha)]
                    : new[] { KeyValuePair.Create(b, 1.0) })));
        var method = alpha < 1 ? Method.Mka : Method.Drop;
        return new MergePlan("", method, Order.Similarity, map.Count, [], [.. groups], []) { Units = map.HalfNames };
    }
}
