using System.Text;

namespace OnnxMka.Measuring;

/// <summary>
/// How many UTF-8 bytes of a text stand before places among its tokens. A token may end inside a character (those of byte-level
/// vocabularies are bytes), and what is decoded from there on is lost; so decoding begins where a character does, one token or more before
/// the place, and the bytes of a character that is cut count evenly with the tokens that it has:
/// <code>
/// bytes of 天地    E5 A4 A9 E5 9C B0
/// tokens           E5 A4 | A9 | E5 9C B0      2 tokens for 3 bytes: 2 before the first bar, 3 before the second
/// </code>
/// </summary>
internal sealed class TokenBytes
{
    /// <summary>What an unfinished character decodes to.</summary>
    private const char Broken = '\uFFFD';

    /// <summary>
    /// Tokens on either side of a place that are looked at: a character has at most four bytes, so that one begins and one ends there.
    /// </summary>
    private const int Around = 8;

    private readonly int[] _ids;
    private readonly Func<int[], string> _decode;

    /// <summary>Where decoding begins, and the bytes before it.</summary>
    private int _anchor;
    private long _offset;

    private TokenBytes(int[] ids, Func<int[], string> decode)
    {
        _ids = ids;
        _decode = decode;
    }

    /// <summary>
    /// Bytes before each place. Behind the last token they are all of the text's: a tokenizer that changes the text, and so decodes to more
    /// or fewer bytes, has them in the same proportions.
    /// </summary>
    /// <param name="places">Ascending, at most the number of tokens.</param>
    public static long[] Before(IReadOnlyList<int> places, int[] ids, string text, Func<int[], string> decode)
    {
        var walk = new TokenBytes(ids, decode);
        long[] found = [.. places.Select(walk.Pass)];
        var (decoded, all) = (walk.Pass(ids.Length), Encoding.UTF8.GetByteCount(text));
        return decoded == all || decoded == 0 ? found : [.. found.Select(f => (long)Math.Round((double)f / decoded * all))];
    }

    private long Pass(int place)
    {
        var below = Enumerable.Range(0, Around)
            .Select(i => place - i)
            .TakeWhile(p => p >= _anchor)
            .Cast<int?>()
            .FirstOrDefault(p => IsWhole(p!.Value));
        var bytes = below == place ? At(place) : Inside(place, below);
        if (below is { } whole) MoveBefore(whole);
        else (_anchor, _offset) = (place, bytes);
        return bytes;
    }

    /// <summary>Bytes before a place inside a character. The text's own marks of that kind, at its end, are bytes like others.</summary>
    private long Inside(int place, int? below)
    {
        var above = Enumerable.Range(1, Around)
            .Select(i => place + i)
            .TakeWhile(p => p <= _ids.Length)
            .Cast<int?>()
            .FirstOrDefault(p => IsWhole(p!.Value));
        if (below is not { } first || above is not { } last) return At(place);
        return At(first) + (long)Math.Round((At(last) - At(first)) * (place - first) / (double)(last - first));
    }

    /// <summary>
    /// What decoding does to a beginning (it leaves out a blank) it does to the bytes before the place as well, so the place keeps its own.
    /// </summary>
    private void MoveBefore(int place)
    {
        var start = Enumerable.Range(1, Around)
            .Select(i => place - i)
            .TakeWhile(p => p > _anchor)
            .Cast<int?>()
            .FirstOrDefault(p => IsWhole(p!.Value));
        if (start is not { } anchor) return;
        var bytes = At(place);
        (_anchor, _offset) = (anchor, 0);
        _offset = bytes - At(place);
    }

    private long At(int place) => _offset + Encoding.UTF8.GetByteCount(Decoded(place));

    /// <summary>True where a character ends.</summary>
    private bool IsWhole(int place) => place == _anchor || !Decoded(place).EndsWith(Broken);

    private string Decoded(int place) => place == _anchor ? "" : _decode(_ids[_anchor..place]);
}
