using OnnxMka.Running.Tokens;

namespace OnnxMka.Measuring;

/// <summary>A prompt and its continuations as tokens of the texts as a whole.</summary>
internal static class Continuations
{
    /// <summary>
    /// Each text is tokenized as one, since a tokenizer may join the prompt's end with the continuation; the prefix is what all have
    /// in common within the prompt's own tokens. What a tokenizer puts behind every text is part of none.
    /// </summary>
    public static (int[] Prefix, int[][] Continuations) Split(TextEncoder encoder, string prompt, IReadOnlyList<string> continuations)
    {
        var alone = encoder.EncodeOpening(prompt);
        int[][] whole = [.. continuations.Select(c => encoder.EncodeOpening(prompt + c))];
        var shared = whole.Aggregate(
            alone.Length, (length, ids) => Math.Min(Math.Min(length, ids.Length - 1), ids.AsSpan().CommonPrefixLength(alone)));
        if (shared < 1)
            throw new RefusedException("MKA072", "a question", "it has no text before its choices", "Give each question a text");
        return (alone[..shared], [.. whole.Select(ids => ids[shared..])]);
    }
}
