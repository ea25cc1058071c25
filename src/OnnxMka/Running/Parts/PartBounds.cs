using OnnxMka.Graph;

namespace OnnxMka.Running.Parts;

/// <summary>A part may compute nothing that belongs to another block: it would need that block's stream, and its memory.</summary>
internal static class PartBounds
{
    public const string Code = "MKA024";

    /// <summary>Refuses (MKA024), naming the node that is nearest to the part's end, and its block.</summary>
    /// <param name="nodes">
    /// Nodes of the part in order. They are known by the names of their outputs: an edited model may count them otherwise.
    /// </param>
    /// <param name="fusedEnd">Index of the norm at the end of the part that forms its sum, and belongs to the block behind.</param>
    public static void Check(BlockPart part, IEnumerable<OnnxNode> nodes, int? fusedEnd)
    {
        var owners = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var block in part.Map.Blocks.Where(b => b.Index != part.Place))
        {
            foreach (var output in block.Nodes.SelectMany(n => part.Map.Model.Graph.Nodes[n].Outputs).Where(o => o.Length > 0))
                owners[output] = block.Index;
        }

        // An EmbedLayerNormalization counts to block 0 for its norm; its sum and its mask come from the ids alone.
        foreach (var node in nodes.Reverse().Where(n => n.Index != fusedEnd && n.OpType != "EmbedLayerNormalization"))
        {
            if (node.Outputs.Where(o => o.Length > 0 && owners.ContainsKey(o)).Select(o => (int?)owners[o]).FirstOrDefault() is { } owner)
            {
                throw new RefusedException(
                    Code,
                    node.Label,
                    $"it belongs to block {owner}, and {part.Name} needs it, so the model cannot be run block by block",
                    "Use --run whole");
            }
        }
    }
}
