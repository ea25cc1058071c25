using OnnxMka.Blocks;
using OnnxMka.Graph;

namespace OnnxMka.Calibration;

/// <summary>Token ids against the rows of the embedding table.</summary>
internal static class Vocabulary
{
    /// <summary>Refuses ids that the model has no embedding for: the tokenizer belongs to another model.</summary>
    public static void Check(BlockMap map, CalibrationSet set) => Check(map, set.MaxToken);

    /// <param name="largest">Largest id that will be run.</param>
    public static void Check(BlockMap map, int largest)
    {
        var rows = EmbeddingRows(map);
        if (rows is { } known && largest >= known)
        {
            throw new RefusedException(
                "MKA034", $"token {largest}", $"the model knows {known} tokens, so this tokenizer or id file belongs to another model", "Put the model's own tokenizer.json beside it, or give its ids with --calib-ids");
        }
    }

    /// <summary>Rows of the look-up table that reads the token input; null where it is not stored plainly.</summary>
    private static long? EmbeddingRows(BlockMap map)
    {
        var graph = map.Model.Graph;
        var lookup = graph.Nodes.FirstOrDefault(n => n.OpType == "Gather" && n.Inputs.Length == 2 && n.Inputs[1] == map.TokenInput);
        return lookup is not null && graph.Initializers.TryGetValue(lookup.Inputs[0], out var table) && table.Shape.Length == 2 ? table.Shape[0] : null;
    }
}
