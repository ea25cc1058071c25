using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace OnnxMka.Cli;

/// <summary>Words that no option and no verb is called, and that must not be taken for the name of a file.</summary>
internal static class StrayWords
{
    /// <summary>Letters that may be wrong in a short word.</summary>
    private const int MostWrong = 2;

    /// <summary>What is wrong with a command line, and what was meant perhaps; null where nothing is.</summary>
    public static string? Problem(ParseResult parsed)
    {
        var words = parsed.Tokens.TakeWhile(t => t.Type != TokenType.DoubleDash).ToArray();
        var first = Array.Find(words, t => t.Type == TokenType.Argument && !IsStray(t));
        if (first is not null && MisspeltVerb(parsed, first.Value) is { } verb) return verb;
        if (Array.Find(words, IsStray) is { } stray) return Unknown(parsed, stray.Value);
        return parsed.Errors.Count > 0 ? parsed.Errors[0].Message : null;
    }

    /// <summary>What begins like an option is one, wherever it stands; numbers may be negative.</summary>
    private static bool IsStray(Token token) =>
        token.Type == TokenType.Argument && token.Value.StartsWith('-')
        && !double.TryParse(token.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out _);

    private static string Unknown(ParseResult parsed, string word)
    {
        var name = word.Split('=')[0];
        if (Nearest(name, Options(parsed.CommandResult)) is { } meant) return $"There is no option {name}. Did you mean {meant}?";
        var verbs = parsed.RootCommandResult.Command.Subcommands;
        var verb = verbs.FirstOrDefault(c => c.Options.Any(o => o.Name == name || o.Aliases.Contains(name)));
        return verb is not null
            ? $"There is no option {name} here; it belongs to: onnx-mka {verb.Name}."
            : $"There is no option {name}: --help lists them. A file of that name is ./{word}.";
    }

    /// <summary>A first word that is nearly a verb and names nothing on the disk.</summary>
    private static string? MisspeltVerb(ParseResult parsed, string word)
    {
        var verbs = parsed.CommandResult.Command.Subcommands.Select(c => c.Name);
        if (Path.Exists(word) || Nearest(word, verbs) is not { } meant) return null;
        return $"There is no file or folder {word}. Did you mean the verb {meant}?";
    }

    private static IEnumerable<string> Options(CommandResult? command)
    {
        for (; command is not null; command = command.Parent as CommandResult)
        {
            foreach (var option in command.Command.Options.SelectMany(o => o.Aliases.Prepend(o.Name))) yield return option;
        }
    }

    private static string? Nearest(string word, IEnumerable<string> names)
    {
        var near = names.Select(n => (Name: n, Wrong: Distance(word, n)))
            .Where(n => n.Wrong <= MostWrong && n.Wrong < n.Name.Trim('-').Length - 1)
            .ToArray();
        return near.Length == 0 ? null : near.MinBy(n => n.Wrong).Name;
    }

    /// <summary>Letters to add, take away, change, or swap with their neighbour.</summary>
    private static int Distance(string a, string b)
    {
        var rows = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++) rows[i, 0] = i;
        for (var j = 0; j <= b.Length; j++) rows[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                var change = rows[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                rows[i, j] = Math.Min(change, Math.Min(rows[i - 1, j], rows[i, j - 1]) + 1);
                var isSwapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if (isSwapped) rows[i, j] = Math.Min(rows[i, j], rows[i - 2, j - 2] + 1);
            }
        }

        return rows[a.Length, b.Length];
    }
}
