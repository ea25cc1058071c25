using Microsoft.ML.OnnxRuntime;

namespace OnnxMka.Running.Sessions;

/// <summary>What a decoder keeps of the tokens that it has read.</summary>
/// <param name="Values">Present outputs by name; null before the first token.</param>
/// <param name="Count">Tokens of each sequence.</param>
internal sealed record CachedTokens(IReadOnlyDictionary<string, OrtValue>? Values, int Count) : IDisposable
{
    public static CachedTokens None { get; } = new(null, 0);

    public void Dispose()
    {
        foreach (var value in Values?.Values ?? []) value.Dispose();
    }
}
