namespace OnnxMka.Measuring;

/// <summary>A stretch of a text that the model reads at once, and the tokens in it that count.</summary>
/// <param name="Ids">What the model reads, a BOS token first where there is one.</param>
/// <param name="FirstScored">
/// Place of the first id that counts; those before it were counted in an earlier window, or have nothing before them.
/// </param>
/// <param name="Bytes">UTF-8 bytes of the ids that count; null where there is no text.</param>
internal sealed record TextWindow(string Document, int[] Ids, int FirstScored, long? Bytes)
{
    public int Scored => Ids.Length - FirstScored;

    /// <summary>
    /// Windows over a text such that every token counts exactly once (with nothing before the text: every token but the first), each behind
    /// at least <c>window - stride</c> others, or one, where the text has them.
    /// </summary>
    /// <param name="stride">Tokens that count in a full window.</param>
    /// <param name="before">What stands first in every window, such as BOS; fewer than a window has tokens.</param>
    public static IEnumerable<TextWindow> Over(string document, int[] ids, int window, int stride, int[] before)
    {
        var room = window - before.Length;
        var carried = Math.Clamp(window - stride, before.Length == 0 ? 1 : 0, room - 1);
        var scoredUpTo = before.Length == 0 ? 1 : 0;
        while (scoredUpTo < ids.Length)
        {
            var start = Math.Max(0, scoredUpTo - carried);
            var end = Math.Min(start + room, ids.Length);
            int[] read = [.. before, .. ids.AsSpan(start, end - start)];
            yield return new TextWindow(document, read, read.Length - (end - scoredUpTo), null);
            scoredUpTo = end;
        }
    }

    /// <summary>The same with the bytes that the tokens of each window have in the text: together those of the tokens that count.</summary>
    public static IEnumerable<TextWindow> Over(
        string document, int[] ids, int window, int stride, int[] before, string text, Func<int[], string> decode)
    {
        TextWindow[] windows = [.. Over(document, ids, window, stride, before)];
        var place = ids.Length - windows.Sum(w => w.Scored);
        int[] places = [place, .. windows.Select(w => place += w.Scored)];
        var bytes = TokenBytes.Before(places, ids, text, decode);
        return windows.Select((w, i) => w with { Bytes = bytes[i + 1] - bytes[i] });
    }
}
