using System.Collections.Immutable;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Measuring;

/// <summary>What two models write behind the same prompt, greedily.</summary>
/// <param name="SameTokens">Tokens before the first difference; the number written where there is none.</param>
internal sealed record GeneratedPair(string Prompt, string Original, string Result, int SameTokens, int Tokens);

/// <summary>Greedy generations of a model beside those of the original.</summary>
internal static class Generations
{
    private const int PromptTokens = 32;

    /// <summary>Prompts are windows of the texts chosen by the seed. Progress counts pairs.</summary>
    public static ImmutableArray<GeneratedPair> Compare(
        ModelUnderTest original,
        ModelUnderTest result,
        IReadOnlyList<int[]> texts,
        Func<int[], string> decode,
        EvaluationOptions options,
        IProgress<int>? progress,
        CancellationToken ct)
    {
        var places = texts
            .SelectMany(ids => Enumerable.Range(0, ids.Length / PromptTokens).Select(w => ids.AsMemory(w * PromptTokens, PromptTokens)))
            .ToArray();
        var pairs = ImmutableArray.CreateBuilder<GeneratedPair>();
        foreach (var place in Spread.Choose(places.Length, options.Generations, options.Seed))
        {
            ct.ThrowIfCancellationRequested();
            var prompt = places[place].ToArray();
            var (theirs, ours) = (original.Generate(prompt, options.GeneratedTokens), result.Generate(prompt, options.GeneratedTokens));
            var shared = theirs.AsSpan().CommonPrefixLength(ours);
            pairs.Add(new GeneratedPair(decode(prompt), decode(theirs), decode(ours), shared, options.GeneratedTokens));
            progress?.Report(1);
        }

        return pairs.ToImmutable();
    }
}
