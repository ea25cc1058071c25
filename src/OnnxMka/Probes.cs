using System.Collections.Immutable;
using OnnxMka.Isolation;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;

namespace OnnxMka;

/// <summary>What a child process of this program can be asked to try, by name.</summary>
public static class Probes
{
    internal static ImmutableDictionary<string, Func<IReadOnlyList<string>, string>> All { get; } =
        new Dictionary<string, Func<IReadOnlyList<string>, string>>(
        StringComparer.Ordinal)
        {
            [ModelTrial.Verb] = ModelProbe.Answer,
            [TokenizerProbe.Verb] = TokenizerProbe.Answer,
        }.ToImmutableDictionary(StringComparer.Ordinal);

    /// <summary>
    /// The exit code where this process was started as a child; null where it was not, and the arguments are the program's own.
    /// </summary>
    public static int? Serve(string[] arguments) => ChildServer.Serve(arguments, All);
}
