using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>Writes the whole graph: embedding, blocks, final norm, head.</summary>
internal static class DecoderGraph
{
    /// <param name="readsPast">False writes the first step's graph of a merged model: no cache goes in.</param>
    public static DecoderContext Write(DecoderModel model, bool readsPast)
    {
        var d = new DecoderContext(model, readsPast);
        var embedded = Embedding(d, out var firstNormed);
        d.Ports.Mask();
        if (d.Spec.HasPositionIds) d.Ports.PositionIds();
        if (d.Spec.Length == LengthSource.CachePosition) d.Ports.CachePosition();
        var stream = new ResidualStream(d.Graph, d.Norms, embedded) { FirstNormed = firstNormed };
        var attention = AttentionWriter.Of(d.Spec.Form);
        var blocks = d.Spec.Blocks.Select((_, i) => new BlockContext(d, i)).ToArray();
        foreach (var block in blocks.Where(b => b.Spec.HasAttention)) attention.Prepare(block);
        var writer = new BlockWriter(attention);
        foreach (var block in blocks) writer.Write(block, stream);
        Head(d, FinalNorm(d, stream));
        return d;
    }

    public static GraphProto ToProto(DecoderContext d)
    {
        var graph = new GraphProto { Name = d.Spec.Form.Dialect == DialectKind.TorchScript ? "main_graph" : "main" };
        graph.Node.Add(d.Graph.Nodes.Select(n => n.Node));
        graph.Initializer.Add(d.Graph.Initializers);
        graph.Input.Add(d.Ports.Inputs);
        graph.Output.Add(d.Ports.Outputs);
        graph.ValueInfo.Add(d.Graph.Described);
        return graph;
    }

    private static string Embedding(DecoderContext d, out string? firstNormed)
    {
        var (g, n, modules) = (d.Graph, d.Spec.Network, d.Spec.Form.Modules);
        firstNormed = null;
        if (g.Form.InputsEmbeds)
        {
            object[] dims = [d.Ports.Batch, "sequence_length", n.Hidden];
            return Scaled(d, d.Ports.Input("inputs_embeds", g.Type, dims));
        }

        var ids = d.Ports.InputIds();
        if (g.Form.EmbedNorm) return EmbedLayerNorm(d, ids, out firstNormed);
        string x;
        using (g.In($"{Scope(d)}/{modules.Embedding}")) x = g.Form.QuantisedTable
            ? QuantisedTable.Gather(d, ids)
            : g.Op("Gather", [Table(d), ids]);
        x = Scaled(d, x);
        if (n.Positions == PositionKind.Learned) x = AddPositions(d, x);
        if (d.Norms.StreamType != g.Type) x = g.Cast(x, d.Norms.StreamType);
        if (!n.EmbeddingNorm) return x;
        using var _ = g.In($"{Scope(d)}/embeddings/LayerNorm");
        var norm = AroundNorm(d, "embeddings.LayerNorm", d.Weights.EmbeddingNorm!, d.Weights.EmbeddingNormBias);
        return d.Norms.Apply(x, norm, d.Norms.StreamType).Normed;
    }

    private static string AddPositions(DecoderContext d, string x)
    {
        var (g, n, modules) = (d.Graph, d.Spec.Network, d.Spec.Form.Modules);
        var positions = d.Shared.PositionIds;
        using (g.In($"{Scope(d)}/{modules.Positions}"))
        {
            if (n.PositionOffset > 0) positions = g.Op("Add", [positions, g.Int(n.PositionOffset)]);
            positions = g.Op("Gather", [g.Weight($"{d.Root}.{modules.Positions}.weight", d.Weights.Positions!), positions]);
        }

        using var _ = g.In(Scope(d));
        return g.Op("Add", [x, positions]);
    }

    /// <summary>Embedding, positions and block 0's first norm in one node, as the ORT optimizer fuses them.</summary>
    private static string EmbedLayerNorm(DecoderContext d, string ids, out string firstNormed)
    {
        var (g, modules) = (d.Graph, d.Spec.Form.Modules);
        var block = new BlockContext(d, 0);
        var norm = block.StreamNormWeights(modules.InputNorm, Role.InputNorm, Role.InputNormBias);
        var positions = g.Weight($"{d.Root}.{modules.Positions}.weight", d.Weights.Positions!);
        var outputs = g.Call(
            "EmbedLayerNormalization", GraphWriter.Contrib,
            [
                g.Cast(ids, ElementType.Int32),
                "",
                Table(d),
                positions,
                "",
                norm.Gamma,
                norm.Beta!,
                "",
                g.Cast(d.Shared.PositionIds, ElementType.Int32),
            ],
            [null, null, null], [("epsilon", d.Spec.Network.Epsilon)]);
        firstNormed = outputs[0];
        return outputs[2];
    }

    private static string FinalNorm(DecoderContext d, ResidualStream stream)
    {
        if (!d.Spec.Network.FinalNorm) return stream.Read();
        var name = d.Spec.Form.Modules.FinalNorm;
        var module = d.Spec.Form.Dialect == DialectKind.GenAi ? $"{d.BlockScope(d.Spec.Blocks.Length)}/{name}" : $"{Scope(d)}/{name}";
        var path = d.Spec.Form.Dialect == DialectKind.GenAi ? $"{d.BlockPath(d.Spec.Blocks.Length)}.{name}" : $"{d.Root}.{name}";
        using var _ = d.Graph.In(module);
        return stream.Norm(AroundNorm(d, path, d.Weights.FinalNorm!, d.Weights.FinalNormBias), last: true);
    }

    private static void Head(DecoderContext d, string x)
    {
        var (g, n, modules) = (d.Graph, d.Spec.Network, d.Spec.Form.Modules);
        if (n.Head == HeadKind.None)
        {
            g.Rename(x, "last_hidden_state");
            d.Ports.Result("last_hidden_state", g.Type, n.Hidden);
            return;
        }

        if (g.Form.HiddenStates)
        {
            x = g.Rename(x, "hidden_states");
            d.Ports.Result("hidden_states", g.Type, n.Hidden);
        }

        d.Ports.Result("logits", g.Type, n.Vocabulary);
        x = Asked(d, x);
        string logits;
        using (g.In(modules.Head)) logits = Product(d, x);
        if (n.LogitScale != 1) logits = g.Op("Mul", [logits, g.Float(n.LogitScale)]);
        if (n.LogitSoftcap > 0)
            logits = g.Op("Mul", [g.Op("Tanh", [g.Op("Div", [logits, g.Float(n.LogitSoftcap)])]), g.Float(n.LogitSoftcap)]);
        g.Rename(logits, "logits");
    }

    /// <summary>The positions whose logits are wanted.</summary>
    private static string Asked(DecoderContext d, string x)
    {
        var g = d.Graph;
        if (g.Form.Logits == LogitsForm.Last) return g.Slice(x, -1, int.MaxValue, 1);
        if (g.Form.Logits == LogitsForm.All) return x;
        // None asked for means all: a slice from the start.
        var count = g.Unsqueeze(g.Op("Neg", [d.Ports.Input("num_logits_to_keep", ElementType.Int64)]), 0);
        return g.Op("Slice", [x, count, g.Ints(int.MaxValue), g.Ints(1)]);
    }

    private static string Product(DecoderContext d, string x)
    {
        var (g, form) = (d.Graph, d.Spec.Form);
        if (d.Weights.Head is { } head) return d.Linears.Apply(x, form.Modules.Head, head, null, 0);
        if (form.HeadCopy || form.InputsEmbeds || form.QuantisedTable)
            return d.Linears.Apply(x, form.Modules.Head, d.Weights.Embedding.Transposed(), null, 0);
        var matrix = form.TableFromHead ? HeadWeight(d) : g.Transpose(Table(d), 1, 0);
        return g.Op("MatMul", [x, matrix]);
    }

    private static string Table(DecoderContext d)
    {
        var g = d.Graph;
        if (g.Form.TableFromHead) return g.Transpose(HeadWeight(d), 1, 0);
        return g.Weight(g.Dialect.WeightName($"{d.Root}.{g.Form.Modules.Embedding}", WeightPart.Table), d.Weights.Embedding);
    }

    private static string HeadWeight(DecoderContext d) => d.Graph.Weight("lm_head.MatMul.weight", d.Weights.Embedding.Transposed());

    private static string Scaled(DecoderContext d, string x) => d.Spec.Network.EmbeddingScale == 1
        ? x
        : d.Graph.Op("Mul", [x, d.Graph.Float(d.Spec.Network.EmbeddingScale)]);

    private static NormWeights AroundNorm(DecoderContext d, string path, WeightTensor gamma, WeightTensor? beta)
    {
        var (g, type) = (d.Graph, d.Norms.StreamType);
        return new NormWeights(
            g.Weight(g.Dialect.WeightName(path, WeightPart.Norm), gamma, type),
            beta is null ? null : g.Weight(g.Dialect.WeightName(path, WeightPart.NormBias), beta, type));
    }

    private static string Scope(DecoderContext d) => d.Root.Replace('.', '/');
}
