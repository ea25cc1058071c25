using System.Collections.Immutable;
using OnnxMka.Calibration;

namespace OnnxMka.Isolation;

/// <summary>What a child can be asked to try, by name.</summary>
internal static class ChildVerbs
{
    public static ImmutableDictionary<string, Func<IReadOnlyList<string>, string>> All { get; } = new Dictionary<string, Func<IReadOnlyList<string>, string>>(StringComparer.Ordinal)
    {
        [ModelProbe.Verb] = ModelProbe.Answer,
        [TokenizerProbe.Verb] = TokenizerProbe.Answer,
    }.ToImmutableDictionary(StringComparer.Ordinal);
}
