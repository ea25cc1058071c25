namespace OnnxMka.Cli;

/// <summary>A command as a shell would take it.</summary>
internal static class CommandLine
{
    public static string Quoted(IEnumerable<string> words) => string.Join(' ', words.Select(w =>
        w.Length > 0 && w.All(c => char.IsAsciiLetterOrDigit(c) || "-_./,=:+@%".Contains(c, StringComparison.Ordinal))
            ? w
            : $"'{w.Replace("'", "'\\''", StringComparison.Ordinal)}'"));
}
