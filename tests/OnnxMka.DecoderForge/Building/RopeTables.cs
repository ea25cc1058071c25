using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>Cosines and sines of the rotary positions, in every shape that attention forms want. Shared by the blocks.</summary>
internal sealed class RopeTables(GraphWriter g, Network network, SharedValues shared)
{
    private const float LongFactor = 4;

    /// <summary>Tables [positions, rotated / 2] of the block's rope base.</summary>
    public (string Cos, string Sin) Caches(bool local)
    {
        if (network.LongRopeThreshold == 0) return (Cache("cos", local, MathF.Cos), Cache("sin", local, MathF.Sin));
        var cos = shared.OnceOutside("long cos", "model/rotemb_caches_subgraph", () => Choose(local));
        return (cos, "sin_cache");

        string Cache(string name, bool isLocal, Func<float, float> function) => shared.OnceOutside($"{name} cache {isLocal}", "", () =>
            g.Weight(isLocal ? $"{name}_cache_local" : $"{name}_cache", Table(Frequencies(isLocal, 1), function)));
    }

    /// <summary>Values for the new tokens: [batch, 1, sequence, rotated].</summary>
    public (string Cos, string Sin) ForPositions(bool local)
    {
        var angles = shared.OnceOutside($"angles {local}", "model/rotary_emb", () => Angles(local));
        var cos = shared.OnceOutside($"cos {local}", "model/rotary_emb", () => Typed(g.Op("Cos", [angles])));
        var sin = shared.OnceOutside($"sin {local}", "model/rotary_emb", () => Typed(g.Op("Sin", [angles])));
        return (Hoisted($"cos4 {local}", cos), Hoisted($"sin4 {local}", sin));
    }

    /// <summary>TorchScript names the common Unsqueeze after the first block that reads it.</summary>
    private string Hoisted(string key, string value) => g.Form.Dialect == DialectKind.TorchScript
        ? shared.Once(key, () => g.Unsqueeze(value, 1))
        : shared.OnceOutside(key, "model/rotary_emb", () => g.Unsqueeze(value, 1));

    private string Typed(string x) => g.Type == ElementType.Float ? x : g.Cast(x, g.Type);

    private string Angles(bool local)
    {
        var positions = g.Cast(g.Unsqueeze(shared.PositionIds, 2), ElementType.Float);
        var half = g.Op("Mul", [positions, FrequencyValue(local)]);
        if (!network.RotaryInterleaved) return g.Op("Concat", [half, half], ("axis", -1));
        var column = g.Unsqueeze(half, 3);
        return g.Op("Reshape", [g.Op("Concat", [column, column], ("axis", -1)), g.Ints(0, 0, network.RotatedDim)]);
    }

    private string FrequencyValue(bool local)
    {
        var inverse = Constant(1);
        if (network.LongRopeThreshold == 0) return inverse;
        var isLong = g.Op("Greater", [shared.MaskLength, g.Int(network.LongRopeThreshold)]);
        return g.Op("Where", [isLong, Constant(LongFactor), inverse]);

        string Constant(float factor) =>
            g.Dialect.Constant(g, Tensors.Floats(ElementType.Float, Frequencies(local, factor), 1, 1, network.RotatedDim / 2));
    }

    /// <summary>One If over the sequence length; each branch holds its two tables.</summary>
    private string Choose(bool local)
    {
        var isLong = g.Op("Greater", [shared.MaskLength, g.Int(network.LongRopeThreshold)]);
        return g.Call(
            "If",
            "",
            [isLong],
            ["cos_cache", "sin_cache"],
            [("then_branch", Branch("large", LongFactor)), ("else_branch", Branch("small", 1))])[0];

        GraphProto Branch(string name, float factor)
        {
            var graph = new GraphProto { Name = $"{name}_rotemb_caches_graph" };
            Add("cos_cache", MathF.Cos);
            Add("sin_cache", MathF.Sin);
            return graph;

            void Add(string cache, Func<float, float> function)
            {
                var table = Table(Frequencies(local, factor), function);
                var node = new NodeProto { OpType = "Constant", Name = $"/{name}/{cache}/Constant" };
                node.Output.Add($"{cache}_{name}");
                var tensor = Tensors.Floats(g.Type, table.Span, table.Shape.AsSpan());
                node.Attribute.Add(new AttributeProto { Name = "value", T = tensor, Type = AttributeProto.Types.AttributeType.Tensor });
                graph.Node.Add(node);
                graph.Output.Add(new ValueInfoProto
                {
                    Name = $"{cache}_{name}",
                    Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)g.Type } },
                });
            }
        }
    }

    private WeightTensor Table(float[] frequencies, Func<float, float> function)
    {
        var values = new float[network.MaxPositions * frequencies.Length];
        for (var i = 0; i < values.Length; i++) values[i] = function(i / frequencies.Length * frequencies[i % frequencies.Length]);
        return WeightTensor.Of(values, network.MaxPositions, frequencies.Length);
    }

    private float[] Frequencies(bool local, float factor)
    {
        var theta = local ? network.LocalRopeTheta : network.RopeTheta;
        var half = network.RotatedDim / 2;
        return [.. Enumerable.Range(0, half).Select(i => (float)(1 / (factor * Math.Pow(theta, (double)i / half))))];
    }
}
