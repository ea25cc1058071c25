using System.Collections.Immutable;

namespace OnnxMka.Isolation;

/// <summary>What a child can be asked to try, by name.</summary>
internal static class ChildVerbs
{
    public static IReadOnlyDictionary<string, Func<IReadOnlyList<string>, string>> All { get; } =
        ImmutableDictionary<string, Func<IReadOnlyList<string>, string>>.Empty;
}
