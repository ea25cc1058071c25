using OnnxMka.Graph;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Measuring;

/// <summary>
/// Whether a model's output scores the next token. Feature extractors and embedding models end in hidden states, which have no perplexity.
/// </summary>
internal static class NextTokenScores
{
    private const string Code = "MKA028";

    /// <summary>Why the output is no score of the vocabulary's tokens, as "it ..."; null where nothing speaks against it.</summary>
    /// <param name="map">As detected: a rewritten one knows its nodes no more.</param>
    public static string? Obstacle(BlockMap map)
    {
        if (!HasHead(map)) return "it holds hidden states, not scores of the next token: no head stands behind the last block";
        var declared = map.Model.Graph.Outputs.First(o => o.Name == map.Logits).Dimensions;
        return declared is [.., var last] && int.TryParse(last, out var width) && width > 0 ? Obstacle(map, width) : null;
    }

    /// <summary>Refuses a model without scores (MKA028).</summary>
    public static void Refuse(BlockMap map)
    {
        if (Obstacle(map) is { } obstacle) throw Refused(map, obstacle);
    }

    /// <summary>Refuses scores of another number of tokens than the model knows, and tokens that have none.</summary>
    /// <param name="width">Columns of the logits, as they came.</param>
    /// <param name="largest">Largest token that is asked for.</param>
    public static void Check(BlockMap map, int width, int largest)
    {
        if (Obstacle(map, width) is { } obstacle) throw Refused(map, obstacle);
        if (largest >= width) throw Refused(map, $"it scores {width} tokens, and the text has token {largest}");
    }

    private static RefusedException Refused(BlockMap map, string obstacle) => new(
        Code, map.Logits, obstacle,
        "Choose blocks by name or similarity, and use --no-eval; there is no perplexity of this model, and no loss to choose by");

    /// <summary>Tables and heads are padded, each to its own multiple, or have a few tokens that the other has not.</summary>
    private static string? Obstacle(BlockMap map, int width) =>
        Vocabulary.Rows(map) is { } known && Math.Abs(width - known) > 8 + (known / 16)
        ? $"it has {width} columns and the model knows {known} tokens, so it does not score the next token"
        : null;

    /// <summary>Something between the last block and the output multiplies by a matrix.</summary>
    private static bool HasHead(BlockMap map)
    {
        var index = GraphIndex.Of(map.Model.Graph);
        var seam = map.Blocks[^1].Output;
        var seen = new HashSet<string>(StringComparer.Ordinal) { "", seam.Value };
        if (seam.SkipNorm is { } norm) seen.UnionWith(map.Model.Graph.Nodes[norm].Outputs);
        var pending = new Stack<string>([map.Logits]);
        while (pending.TryPop(out var value))
        {
            if (!seen.Add(value) || index.Producer(value) is not { } node) continue;
            if (Multiplies(node, map.Model)) return true;
            foreach (var input in node.Inputs) pending.Push(input);
        }

        return false;
    }

    private static bool Multiplies(OnnxNode node, OnnxModel model) =>
        Products.Contains(NormalisedView.Qualified(node))
        || (model.Functions.TryGetValue((node.Domain, node.OpType), out var function)
            && function.Nodes.Any(n => Products.Contains(NormalisedView.Qualified(n))));
}
