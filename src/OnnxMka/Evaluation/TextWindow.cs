using System.Text;
using OnnxMka.Calibration;

namespace OnnxMka.Evaluation;

/// <summary>A stretch of a text that the model reads at once, and the tokens in it that count.</summary>
/// <param name="Ids">What the model reads, a BOS token first where there is one.</param>
/// <param name="FirstScored">Place of the first id that counts; those before it were counted in an earlier window, or have nothing before them.</param>
/// <param name="Bytes">UTF-8 bytes of the ids that count; null where there is no text.</param>
public sealed record TextWindow(string Document, int[] Ids, int FirstScored, long? Bytes)
{
    public int Scored => Ids.Length - FirstScored;

    /// <summary>
    /// Windows over a text such that every token counts exactly once (without BOS: every token but the first), each behind at least
    /// <c>window - stride</c> others, or one, where the text has them.
    /// </summary>
    /// <param name="stride">Tokens that count in a full window; at most <paramref name="window"/>, or one less without BOS.</param>
    public static IEnumerable<TextWindow> Over(string document, int[] ids, int window, int stride, int? bos, Func<int, int, long>? bytes = null)
    {
        var room = bos is null ? window : window - 1;
        var carried = Math.Clamp(window - stride, bos is null ? 1 : 0, room - 1);
        var scoredUpTo = bos is null ? 1 : 0;
        while (scoredUpTo < ids.Length)
        {
            var start = Math.Max(0, scoredUpTo - carried);
            var end = Math.Min(start + room, ids.Length);
            int[] read = bos is { } b ? [b, .. ids.AsSpan(start, end - start)] : ids[start..end];
            yield return new TextWindow(document, read, read.Length - (end - scoredUpTo), bytes?.Invoke(scoredUpTo, end));
            scoredUpTo = end;
        }
    }
}

/// <summary>
/// UTF-8 bytes of consecutive stretches of tokens, found by following the decoded text through the original: a character that two
/// stretches share counts in the later one.
/// </summary>
internal sealed class ByteCounter(Tokenizer tokenizer, string text, int[] ids)
{
    private const char Broken = '\uFFFD';
    private int _place;
    private int _token;

    public long Count(int start, int end)
    {
        if (start > _token) Advance(_token, start);
        return Advance(start, end);
    }

    private long Advance(int start, int end)
    {
        _token = end;
        var decoded = tokenizer.Decode(ids.AsSpan(start, end - start));
        var whole = decoded.Trim(Broken);
        // A tokenizer may leave out a blank at the start of what it decodes; one that changes the text itself is taken at its word.
        var found = whole.Length > 0 ? text.IndexOf(whole, _place, Math.Min(whole.Length + 8, text.Length - _place), StringComparison.Ordinal) : -1;
        if (found < 0) return Encoding.UTF8.GetByteCount(whole);
        var stretch = text.AsSpan(_place, found + whole.Length - _place);
        _place = found + whole.Length;
        return Encoding.UTF8.GetByteCount(stretch);
    }
}
