using OnnxMka.Forge;

namespace OnnxMka.Tests.Forms;

/// <summary>
/// Random decoders: each is rewritten with logits that match the same decoder built afresh, or refused with a reason. The number
/// of cases comes from <c>FORGE_CASES</c>, the first seed from <c>FORGE_SEED</c>; a failure names its seed.
/// </summary>
public sealed class RandomDecoderTests
{
    /// <summary>Ways to write the graph once more; every second decoder stays as the builder wrote it.</summary>
    private static readonly Func<byte[], byte[]>?[] _disguises =
    [
        null,
        Disguises.ConstantAttributes,
        null,
        Disguises.Dropouts,
        null,
        Disguises.Identities,
        null,
        Disguises.Sums,
        null,
        Disguises.Shuffled,
        null, Disguises.SlicedCaches, null, Disguises.NextToken,
    ];

    private static int Setting(string name, int fallback) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), out var value) ? value : fallback;

    [Fact]
    public void Random_decoders_are_rewritten_rightly_or_refused()
    {
        var (first, count) = (Setting("FORGE_SEED", 0), Setting("FORGE_CASES", 100));
        var (rewritten, refused) = (0, new List<string>());
        var wrong = new System.Collections.Concurrent.ConcurrentBag<string>();
        Parallel.For(first, first + count, new ParallelOptions { MaxDegreeOfParallelism = 2 }, seed =>
        {
            try
            {
                foreach (var problem in Problems(seed))
                    wrong.Add($"FORGE_SEED={seed} FORGE_CASES=1: {RandomDecoder.Spec(seed)}: {problem}");
                Interlocked.Increment(ref rewritten);
            }
            catch (RefusedException e)
            {
                lock (refused) refused.Add($"{seed}: {e.Message}");
            }
            catch (Exception e)
            {
                wrong.Add($"FORGE_SEED={seed} FORGE_CASES=1: {RandomDecoder.Spec(seed)}: {e}");
            }
        });
        Assert.True(wrong.IsEmpty, string.Join('\n', wrong));
        // The control: if most were refused, nothing would have been tried.
        Assert.True(rewritten >= count * 9 / 10, $"{refused.Count} refused: {string.Join('\n', refused.Take(5))}");
    }

    /// <summary>
    /// Caches of several lengths under one symbol run as they are, but no longer in slices of their own: ONNX Runtime puts values whose
    /// shapes have the same symbols into one buffer.
    /// </summary>
    private static Func<byte[], byte[]>? Disguise(DecoderSpec spec, int seed)
    {
        var disguise = _disguises[seed % _disguises.Length];
        var isUntrue = spec.Form.Symbols == LengthSymbols.Shared && spec.Blocks.Select(b => b.CacheLength).Distinct().Count() > 1;
        return isUntrue && disguise == Disguises.SlicedCaches ? null : disguise;
    }

    private static IEnumerable<string> Problems(int seed)
    {
        var model = RandomDecoder.Model(seed);
        // A merged export is refused, however it is written.
        using var form = new FormModel(model, model.Spec.Form.IfMerged ? null : Disguise(model.Spec, seed));
        if (form.Map.Count != form.BlockCount) yield return $"{form.Map.Count} blocks instead of {form.BlockCount}";
        var random = new Random(seed);
        int[] dropped = [random.Next(form.BlockCount)];
        if (form.BlockCount > 3) dropped = [dropped[0], (dropped[0] + 1 + random.Next(form.BlockCount - 1)) % form.BlockCount];
        var (difference, tolerance) = form.Compare(form.Drop(dropped), form.Without(dropped));
        if (!(difference <= tolerance)) yield return $"without {string.Join(',', dropped)}: {difference:e2}, at most {tolerance:e2}";
        var left = random.Next(form.BlockCount - 1);
        if (form.Map.Blocks[left].Kind != form.Map.Blocks[left + 1].Kind || form.Map.Blocks[left].MergeObstacle is not null) yield break;
        (difference, tolerance) = form.Compare(form.Merge(left, left + 1, 0.6), form.Merged(left, left + 1, 0.6));
        if (!(difference <= tolerance)) yield return $"merged {left} and {left + 1}: {difference:e2}, at most {tolerance:e2}";
    }
}
