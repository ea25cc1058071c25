namespace OnnxMka.Json;

/// <summary>
/// <c>NaN</c>, <c>Infinity</c> and <c>-Infinity</c>, which Python's json writes for floats that JSON has no number for, and reads back.
/// </summary>
internal static class PythonNumbers
{
    private static readonly (byte[] Word, byte[] Number)[] Words =
        [("NaN"u8.ToArray(), "0.0"u8.ToArray()), ("Infinity"u8.ToArray(), "0.000000"u8.ToArray())];

    /// <summary>
    /// The text with a number of equal length for each such word, so that every value stands where it stood: for finding values, never
    /// for reading them. The same array where there is none.
    /// </summary>
    public static byte[] Masked(byte[] json)
    {
        byte[]? masked = null;
        for (var i = 0; i < json.Length; i++)
        {
            if (json[i] == '"' || json[i] == '/')
            {
                i = EndOf(json, i);
                continue;
            }

            foreach (var (word, number) in Words)
            {
                if (!json.AsSpan(i).StartsWith(word) || !StandsAlone(json, i, i + word.Length)) continue;
                masked ??= [.. json];
                number.CopyTo(masked, i);
                i += word.Length - 1;
                break;
            }
        }

        return masked ?? json;
    }

    /// <summary>Last byte of the string or comment that begins there.</summary>
    private static int EndOf(byte[] json, int start)
    {
        if (json[start] == '"')
        {
            var i = start + 1;
            while (i < json.Length && json[i] != '"') i += json[i] == '\\' ? 2 : 1;
            return i;
        }

        var rest = json.AsSpan(start + 1);
        var (end, length) = rest.StartsWith("/"u8) ? (rest.IndexOf((byte)'\n'), 1)
            : rest.StartsWith("*"u8) ? (rest[1..].IndexOf("*/"u8), 3) : (0, 0);
        return end < 0 ? json.Length : start + end + length;
    }

    /// <summary>Nothing of a longer word or number before it or behind it, but a minus sign.</summary>
    private static bool StandsAlone(byte[] json, int start, int end)
    {
        static bool IsPart(byte b) =>
            char.IsAsciiLetterOrDigit((char)b) || b is (byte)'_' or (byte)'.' or (byte)'-' or (byte)'+' or >= 0x80;
        var before = start > 0 && json[start - 1] == '-' && json[start] == 'I' ? start - 2 : start - 1;
        return (before < 0 || !IsPart(json[before])) && (end >= json.Length || !IsPart(json[end]));
    }
}
