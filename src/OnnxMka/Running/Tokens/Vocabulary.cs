using System.Runtime.CompilerServices;
using OnnxMka.Graph;
using OnnxMka.Structure;

namespace OnnxMka.Running.Tokens;

/// <summary>Token ids against the rows of the embedding table.</summary>
internal static class Vocabulary
{
    private static readonly ConditionalWeakTable<OnnxModel, StrongBox<long?>> Known = [];

    /// <summary>Refuses ids that the model has no embedding for: the tokenizer belongs to another model.</summary>
    public static void Check(BlockMap map, CalibrationSet set) => Check(map, set.MaxToken);

    /// <param name="largest">Largest id that will be run.</param>
    public static void Check(BlockMap map, int largest)
    {
        if (Rows(map) is { } known && largest >= known)
        {
            throw new RefusedException(
                "MKA034", $"token {largest}", $"the model knows {known} tokens, so this tokenizer or id file belongs to another model",
                "Put the model's own tokenizer.json beside it, or give its ids: --calib-ids, and --text-ids for eval");
        }
    }

    /// <summary>Rows of the look-up table that reads the token input; null where it is not found.</summary>
    public static long? Rows(BlockMap map) => Known.GetValue(map.Model, _ => new StrongBox<long?>(Find(map))).Value;

    private static long? Find(BlockMap map)
    {
        var index = GraphIndex.Of(map.Model.Graph);
        foreach (var ids in Same(map.TokenInput, index))
        {
            foreach (var (node, slot) in index.Readers(ids))
            {
                var table = (node.OpType, slot) switch
                {
                    ("Gather" or "GatherBlockQuantized", 1) => node.Inputs[0],
                    ("EmbedLayerNormalization", 0) when node.Inputs.Length > 2 => node.Inputs[2],
                    _ => null,
                };
                if (table is not null && RowsOf(table, index) is { } rows) return rows;
            }
        }

        return null;
    }

    /// <summary>The ids, and the same in another type.</summary>
    private static IEnumerable<string> Same(string ids, GraphIndex index) =>
        index.Readers(ids)
            .Where(r => r.Node.OpType is "Cast" or "Identity" && r.Node.Outputs.Length > 0)
            .Select(r => r.Node.Outputs[0])
            .Prepend(ids);

    /// <summary>Rows of a table that is stored as it is, quantised, or turned round as the head's weight.</summary>
    private static long? RowsOf(string table, GraphIndex index)
    {
        while (index.Producer(table) is { OpType: "Identity" or "Cast" or "DequantizeLinear" or "Reshape", Inputs: [var same, ..] })
            table = same;
        if (index.Graph.Initializers.TryGetValue(table, out var stored)) return stored.Shape.Length >= 2 ? stored.Shape[0] : null;
        return index.Producer(table) switch
        {
            { OpType: "Transpose", Inputs: [var source] } =>
                index.Graph.Initializers.TryGetValue(source, out var turned) && turned.Shape.Length == 2 ? turned.Shape[1] : null,
            { OpType: "Constant" } constant =>
                constant.Attributes.GetValueOrDefault("value")?.Tensor is { Shape.Length: 2 } value ? value.Shape[0] : null,
            _ => null,
        };
    }
}
