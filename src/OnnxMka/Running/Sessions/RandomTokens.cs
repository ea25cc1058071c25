using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Running.Sessions;

/// <summary>Token ids that any model of a vocabulary reads, where it does not matter what they say.</summary>
internal static class RandomTokens
{
    /// <summary>Ids that every vocabulary has.</summary>
    private const int Common = 32;

    /// <summary>The same ids for the same model and seed.</summary>
    public static int[] Of(BlockMap map, int count, int seed = 0)
    {
        var random = new SeededRandom((ulong)seed);
        var vocabulary = (ulong)(Vocabulary.Rows(map) ?? Common);
        return [.. Enumerable.Range(0, count).Select(_ => (int)(random.Next() % vocabulary))];
    }
}
