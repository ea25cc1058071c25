using OnnxMka.Calibration;

namespace OnnxMka.Isolation;

/// <summary>What a child can be asked to try, by name.</summary>
internal static class ChildVerbs
{
    public static IReadOnlyDictionary<string, Func<IReadOnlyList<string>, string>> All { get; } =
        new Dictionary<string, Func<IReadOnlyList<string>, string>>(StringComparer.Ordinal) { [TokenizerProbe.Verb] = TokenizerProbe.Answer };
}
