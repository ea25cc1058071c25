using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>Finds where token ids become embeddings, by structure: a look-up in a constant table by ids that the caller feeds.</summary>
internal static class StreamSource
{
    /// <summary>The stream's first value, the graph input it comes from, and whether that input already holds embeddings.</summary>
    public static (string Value, string Input, bool TakesEmbeddings) Find(NormalisedView view)
    {
        var graph = view.Index.Graph;
        var lookups = view.Nodes.Where(IsLookup).Select(n => (Node: n, Input: IdsInput(view, n))).Where(l => l.Input is not null).ToArray();
        var best = lookups
            .OrderByDescending(l => l.Input!.Contains("input_ids", StringComparison.Ordinal))
            .ThenByDescending(l => TableRows(view, l.Node))
            .FirstOrDefault();
        if (best.Node is not null && !(best.Input!.Contains("position", StringComparison.Ordinal) && EmbeddingsInput(graph) is not null))
            return (best.Node.Outputs[0], best.Input!, false);
        var embeddings = EmbeddingsInput(graph) ?? throw new RefusedException(
            "MKA010",
            "the graph",
            "no token embedding look-up and no inputs_embeds were found",
            "Give an exported decoder LLM, not an encoder, vision or audio part");
        return (embeddings, embeddings, true);
    }

    private static bool IsLookup(ViewNode node) => node.Op is "Gather" or "com.microsoft.GatherBlockQuantized" or "EmbeddingSum";

    private static string? EmbeddingsInput(OnnxGraph graph)
    {
        var floats = graph.FedInputs.Where(i => i.Type.IsMergeable()).ToArray();
        var named = floats.FirstOrDefault(i => i.Name == "inputs_embeds");
        return (named ?? (floats.Count(i => i.Rank == 3) == 1 ? floats.Single(i => i.Rank == 3) : null))?.Name;
    }

    /// <summary>The integer graph input that the indices come from, through reshaping ops only.</summary>
    private static string? IdsInput(NormalisedView view, ViewNode node)
    {
        var value = node.Op == "EmbeddingSum" ? node.Inputs[0] : node.Inputs[1];
        if (node.Op == "Gather" && TableRows(view, node) == 0) return null;
        while (view.Producer(value) is { } producer)
        {
            if (producer.Op is not ("Cast" or "Identity" or "Reshape" or "Unsqueeze" or "Squeeze" or "Flatten")) return null;
            value = producer.Inputs[0];
        }

        var port = view.Index.Graph.FedInputs.FirstOrDefault(i => i.Name == value);
        return port?.Type is ElementType.Int64 or ElementType.Int32 ? value : null;
    }

    /// <summary>Rows of the table; 0 where it is no constant matrix.</summary>
    private static long TableRows(NormalisedView view, ViewNode node)
    {
        if (node.Op == "EmbeddingSum") return view.Index.Graph.Initializers.TryGetValue(node.Inputs[1], out var words) ? words.Shape[0] : 1;
        var value = node.Inputs[0];
        var reshaped = false;
        while (true)
        {
            if (view.Index.Graph.Initializers.TryGetValue(value, out var table))
                return table.Shape.Length >= 2 || (reshaped && table.Type.IsMergeable()) ? table.Shape.Max() : 0;
            if (view.Producer(value) is not { } producer) return 0;
            if (producer.Op == "Constant")
                return producer.Origin.Attributes.TryGetValue("value", out var a) && a.Tensor is { Shape.Length: 2 } t ? t.Shape[0] : 0;
            if (producer.Op is not ("Identity" or "Transpose" or "Cast" or "Reshape" or "DequantizeLinear")) return 0;
            reshaped |= producer.Op == "Reshape";
            value = producer.Inputs[0];
        }
    }
}
