using System.CommandLine;
using System.CommandLine.Parsing;

namespace OnnxMka.Cli.Verbs;

/// <summary>Options that take one of the names of an enumeration, in lower case. Numbers and other spellings are usage errors.</summary>
internal static class ChoiceOption
{
    /// <summary>Without the option: the enumeration's first value.</summary>
    public static Option<T> Of<T>(string name, string description)
        where T : struct, Enum => new(name)
        {
            HelpName = string.Join('|', Names<T>()),
            Description = $"{description} (default: {Name(default(T))})",
            CustomParser = result => Parse<T>(name, result) ?? default,
        };

    /// <summary>Without the option: null. The description says what that means.</summary>
    public static Option<T?> OrNone<T>(string name, string description)
        where T : struct, Enum => new(name)
        {
            HelpName = string.Join('|', Names<T>()),
            Description = description,
            CustomParser = result => Parse<T>(name, result),
        };

    private static T? Parse<T>(string name, ArgumentResult result)
        where T : struct, Enum
    {
        var text = result.Tokens[0].Value;
        foreach (var value in Enum.GetValues<T>())
            if (Name(value) == text) return value;
        result.AddError($"{name} {text}: give one of {string.Join(", ", Names<T>())}.");
        return null;
    }

    private static IEnumerable<string> Names<T>()
        where T : struct, Enum => Enum.GetValues<T>().Select(Name);

    private static string Name<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
