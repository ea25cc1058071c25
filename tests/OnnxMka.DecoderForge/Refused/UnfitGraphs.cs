using Google.Protobuf;
using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>Models that are no decoder graph at all, or hide it: nothing that a <see cref="DecoderSpec"/> describes.</summary>
public static class UnfitGraphs
{
    /// <summary>A classifier of a few dense layers.</summary>
    public static byte[] Mlp()
    {
        var g = new GraphWriter(new GraphForm());
        var random = new Random(3);
        var x = "x";
        int[] widths = [8, 16, 12, 4];
        for (var i = 0; i + 1 < widths.Length; i++)
        {
            using var _ = g.In($"layers.{i}");
            var values = Enumerable.Range(0, widths[i] * widths[i + 1]).Select(_ => (float)random.NextDouble() - 0.5f).ToArray();
            x = g.Op("MatMul", [x, g.Weight($"layers.{i}.weight", WeightTensor.Of(values, widths[i], widths[i + 1]))]);
            if (i + 2 < widths.Length) x = g.Op("Relu", [x]);
        }

        g.Rename(x, "scores");
        var graph = Graph(g, [Port("x", ElementType.Float, ["batch", 8])], [Port("scores", ElementType.Float, ["batch", 4])]);
        return Model(graph, 17, 8).ToByteArray();
    }

    /// <summary>A fused GPT-2 in the <c>decoder</c> attribute of a BeamSearch node.</summary>
    public static byte[] BeamSearch()
    {
        var decoder = DecoderForge.Assemble(LayerNormPresets.Gpt2OrtFusedOwnWeights.Model()).Graph.Clone();
        var wide = decoder.Input.Select(i => i.Type.TensorType).Where(t => t.ElemType == (int)ElementType.Int64);
        foreach (var type in wide) type.ElemType = (int)ElementType.Int32;
        var positions = decoder.Input.Single(i => i.Name == "position_ids");
        decoder.Input.Remove(positions);
        decoder.Input.Insert(1, positions);
        decoder.Name = "gpt2 subgraph";
        var g = new GraphWriter(new GraphForm());
        string Number(string name, int value) => g.Initializer(name, Tensors.Raw(ElementType.Int32, BitConverter.GetBytes(value), 1));
        string Factor(string name, float value) => g.Initializer(name, Tensors.Floats(ElementType.Float, [value], 1));
        g.Call(
            "BeamSearch", GraphWriter.Contrib,
            [
                "input_ids", Number("max_length", 16), Number("min_length", 1), Number("num_beams", 2), Number("num_return_sequences", 1),
                Factor("length_penalty", 1), Factor("repetition_penalty", 1),
            ],
            ["sequences"],
            [
                ("eos_token_id", 0),
                ("pad_token_id", 0),
                ("no_repeat_ngram_size", 0),
                ("early_stopping", 0),
                ("model_type", 0),
                ("decoder", decoder),
            ]);
        var ids = Port("input_ids", ElementType.Int32, ["batch_size", "sequence_length"]);
        var graph = Graph(g, [ids], [Port("sequences", ElementType.Int32, ["batch_size", 1, 16])]);
        var model = Model(graph, 11, 6);
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = GraphWriter.Contrib, Version = 1 });
        return model.ToByteArray();
    }

    private static GraphProto Graph(GraphWriter g, ValueInfoProto[] inputs, ValueInfoProto[] outputs)
    {
        var graph = new GraphProto { Name = "main_graph" };
        graph.Node.Add(g.Nodes.Select(n => n.Node));
        graph.Initializer.Add(g.Initializers);
        graph.Input.Add(inputs);
        graph.Output.Add(outputs);
        return graph;
    }

    private static ValueInfoProto Port(string name, ElementType type, object[] dims) => Ports.Info(name, type, dims);

    private static ModelProto Model(GraphProto graph, long opset, long ir)
    {
        var model = new ModelProto { IrVersion = ir, ProducerName = "pytorch", Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = opset });
        return model;
    }
}
