using System.Collections.Immutable;

namespace OnnxMka.Running.Tokens;

/// <summary>
/// Texts as tokens, apart from those that a tokenizer's rules put around every text. What they put before it (BOS) stands once before
/// what a model reads; what they put behind it (EOS) says that the text is over, so it belongs to no continuation, window or sample.
/// <code>
/// tokenizer   [BOS] It was a dark night [EOS]
/// Before      [BOS]
/// Encode            It was a dark night
/// Behind                                [EOS]
/// </code>
/// </summary>
internal sealed class TextEncoder
{
    /// <summary>Texts that share no beginning and no end, of characters that every vocabulary has.</summary>
    private static readonly string[] Probes = ["a", "7", "The", "."];

    private readonly Tokenizer _tokenizer;

    public TextEncoder(Tokenizer tokenizer)
    {
        _tokenizer = tokenizer;
        (Before, Behind) = Around(tokenizer);
    }

    /// <summary>Tokens before every text; none for most tokenizers.</summary>
    public ImmutableArray<int> Before { get; }

    /// <summary>Tokens behind every text; none for most tokenizers.</summary>
    public ImmutableArray<int> Behind { get; }

    /// <summary>Tokens of the text itself.</summary>
    public int[] Encode(string text)
    {
        var ids = _tokenizer.Encode(text).AsSpan();
        if (ids.StartsWith(Before.AsSpan())) ids = ids[Before.Length..];
        if (ids.EndsWith(Behind.AsSpan())) ids = ids[..^Behind.Length];
        return ids.ToArray();
    }

    /// <summary>The text as a model reads it, from its beginning on.</summary>
    public int[] EncodeOpening(string text) => [.. Before, .. Encode(text)];

    public string Decode(ReadOnlySpan<int> ids) => _tokenizer.Decode(ids);

    /// <summary>
    /// What all probes begin and end with. A mark of a blank that the vocabulary has no words with stands before every text too, but also
    /// inside of one that has blanks: it is text.
    /// </summary>
    private static (ImmutableArray<int> Before, ImmutableArray<int> Behind) Around(Tokenizer tokenizer)
    {
        int[][] probes = [.. Probes.Select(tokenizer.Encode).Where(ids => ids.Length > 0)];
        if (probes.Length < 2) return ([], []);
        var whole = tokenizer.Encode(string.Join(' ', Probes));
        var before = probes.Min(p => p.AsSpan().CommonPrefixLength(whole));
        var behind = probes.Min(p => CommonEnd(p, whole));
        behind = Math.Min(behind, probes.Min(p => p.Length) - before);
        var inside = whole.AsSpan(before, whole.Length - before - behind);
        while (before > 0 && inside.Contains(whole[before - 1])) before--;
        while (behind > 0 && inside.Contains(whole[^behind])) behind--;
        return ([.. whole.Take(before)], [.. whole.TakeLast(behind)]);
    }

    private static int CommonEnd(int[] left, int[] right) =>
        left.Reverse().Zip(right.Reverse(), (l, r) => l == r).TakeWhile(same => same).Count();
}
