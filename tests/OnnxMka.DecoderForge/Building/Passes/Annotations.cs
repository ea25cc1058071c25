using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>Metadata that names layers: what goes stale when a tool removes one.</summary>
internal static class Annotations
{
    /// <summary>The dynamo exporter's list of parameters.</summary>
    public static void AddGraphSignature(GraphProto graph)
    {
        var parameters = graph.Initializer.Select(t => t.Name).Where(n => n.Contains('.', StringComparison.Ordinal));
        var text = $"ExportGraphSignature(inputs=[{string.Join(", ", parameters.Select(p => $"PARAMETER '{p}'"))}])";
        graph.MetadataProps.Add(new StringStringEntryProto { Key = "pkg.torch.export.ExportedProgram.graph_signature", Value = text });
    }

    /// <summary>Olive's layer of each node, and the split that it planned by layer.</summary>
    public static void AddSplitAssignments(ModelProto model, DecoderContext decoder)
    {
        foreach (var written in decoder.Graph.Nodes.Where(n => n.Block >= 0))
            written.Node.MetadataProps.Add(new StringStringEntryProto { Key = "layer_ann", Value = decoder.BlockPath(written.Block) });
        var blocks = decoder.Spec.Blocks.Length;
        var assignments = Enumerable.Range(0, blocks).Select(b => $"{decoder.BlockPath(b)}={2 * b / blocks}");
        model.MetadataProps.Add(new StringStringEntryProto { Key = "split_assignments", Value = string.Join(';', assignments) });
    }
}
