using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace OnnxMka.Running.Tokens;

/// <summary>Equally long token sequences that the model is run on, and where they come from.</summary>
/// <param name="Samples">N sequences of <paramref name="Length"/> ids each.</param>
/// <param name="Length">Tokens of a sequence, T.</param>
/// <param name="Source">File name or <c>built-in prose</c>.</param>
/// <param name="Sha256">Of the source's bytes, lower-case hex.</param>
public sealed record CalibrationSet(ImmutableArray<int[]> Samples, int Length, string Source, string Sha256)
{
    /// <summary>Fewer samples than this say nothing about a manifold.</summary>
    public const int MinSamples = 32;

    private const int ShortestWindow = 16;

    /// <summary>Sequences, N.</summary>
    public int Count => Samples.Length;

    /// <summary>Tokens of all of them.</summary>
    public long TokenCount => (long)Count * Length;

    /// <summary>The largest id.</summary>
    public int MaxToken => Samples.Max(s => s.Max());

    /// <summary>
    /// Cuts text into windows of equal length, and takes <paramref name="samples"/> of them spread by the seed. A short text gives
    /// fewer windows, then shorter ones, down to 32 of 16 tokens; less is refused. What the tokenizer puts before every text stands
    /// first in every window.
    /// </summary>
    internal static CalibrationSet FromText(TextSource text, Tokenizer tokenizer, int samples, int length, int seed)
    {
        var encoder = new TextEncoder(tokenizer);
        var (ids, before) = (encoder.Encode(text.Text), encoder.Before);
        var body = length - before.Length;
        while (ids.Length / body < MinSamples && body > ShortestWindow) body = Math.Max(body / 2, ShortestWindow);
        var windows = ids.Length / body;
        if (windows < MinSamples)
        {
            throw new RefusedException(
                "MKA031",
                text.Name,
                $"it has {ids.Length} tokens; {MinSamples} windows of {ShortestWindow} take {MinSamples * ShortestWindow}",
                "Give a longer text with --calib, or leave it out to use the built-in prose");
        }

        var chosen = Spread.Choose(windows, samples, seed);
        return new CalibrationSet(
            [.. chosen.Select(w => (int[])[.. before, .. ids.AsSpan(w * body, body)])], before.Length + body, text.Name, text.Sha256);
    }

    /// <summary>
    /// JSON lines, each an array of token ids; rows are cut to <paramref name="length"/> or the shortest of them. Evaluation takes
    /// rows that calibration does not: <paramref name="wanted"/> tells by number.
    /// </summary>
    internal static CalibrationSet FromIds(string path, int samples, int length, int seed, Func<int, bool> wanted)
    {
        var all = TokenIdFile.Read(path, out var sha256);
        var rows = all.Where((_, row) => wanted(row)).ToArray();
        if (all.Length < MinSamples * 5 / 4)
        {
            throw new RefusedException(
                "MKA031",
                Path.GetFileName(path),
                $"it has {all.Length} rows; at least {MinSamples * 5 / 4} are needed ({MinSamples} to calibrate on, the rest held back)",
                "Give more rows of token ids");
        }

        var window = Math.Min(length, rows.Min(r => r.Length));
        if (window < 2)
        {
            throw new RefusedException(
                "MKA031", Path.GetFileName(path), "a row has fewer than two token ids", "Give rows of at least two ids");
        }

        var chosen = Spread.Choose(rows.Length, samples, seed);
        return new CalibrationSet([.. chosen.Select(i => rows[i][..window])], window, Path.GetFileName(path), sha256);
    }
}

/// <summary>Which of many windows are taken: all, or a seeded choice without repetition, in order of their place in the text.</summary>
internal static class Spread
{
    public static int[] Choose(int available, int wanted, int seed)
    {
        if (available <= wanted) return [.. Enumerable.Range(0, available)];
        var random = new SeededRandom((ulong)seed);
        var indices = Enumerable.Range(0, available).ToArray();
        for (var i = 0; i < wanted; i++)
        {
            var other = i + (int)(random.Next() % (ulong)(available - i));
            (indices[i], indices[other]) = (indices[other], indices[i]);
        }

        return [.. indices.Take(wanted).Order()];
    }
}

/// <summary>SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every platform and .NET version.</summary>
internal sealed class SeededRandom(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        var z = _state += 0x9E3779B97F4A7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
