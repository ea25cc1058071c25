using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>Writes a mixture of experts: the router, then each expert in full weighted by its share, or one fused node.</summary>
internal static class Experts
{
    private const string Module = "mlp";

    public static string Write(BlockContext c, string x) =>
        c.Form.Moe is MoeForm.DenseExperts or MoeForm.SoftExperts
            ? Dense(c, x)
            : Fused(c, x, quantised: c.Form.Moe == MoeForm.FusedQuantised);

    private static string Router(BlockContext c, string x) => c.Linear(x, $"{Module}/gate", c[Role.Router]);

    private static string Dense(BlockContext c, string x)
    {
        var g = c.Graph;
        var n = c.Network;
        var scores = Router(c, x);
        using (g.In(Module))
        {
            if (c.Form.Moe == MoeForm.SoftExperts) return Weighted(c, x, g.Op("Softmax", [scores], ("axis", -1)));
            var best = g.Call("TopK", "", [scores, g.Ints(n.ExpertsPerToken)], [null, null], [("axis", -1), ("largest", 1), ("sorted", 1)]);
            var weights = g.Op("Softmax", [best[0]], ("axis", -1));
            var zeros = g.Op("Mul", [scores, g.Float(0)]);
            return Weighted(c, x, g.Op("ScatterElements", [zeros, best[1], weights], ("axis", -1)));
        }
    }

    /// <summary>All experts on all tokens, each times its share.</summary>
    private static string Weighted(BlockContext c, string x, string shares)
    {
        var g = c.Graph;
        string? sum = null;
        for (var e = 0; e < c.Network.Experts; e++)
        {
            var module = $"{Module}/experts.{e}";
            var gate = c.Linear(x, $"{module}/w1", c[Role.ExpertGate].Slice(e));
            var up = c.Linear(x, $"{module}/w3", c[Role.ExpertUp].Slice(e));
            string inner;
            using (g.In($"{module}/act_fn")) inner = g.Op("Mul", [Activations.Write(g, MlpKind.Experts, gate, null), up]);
            var down = c.Linear(inner, $"{module}/w2", c[Role.ExpertDown].Slice(e));
            using var _ = g.In(Module);
            var part = g.Op("Mul", [down, g.Slice(shares, e, e + 1, 2)]);
            sum = sum is null ? part : g.Op("Add", [sum, part]);
        }

        return sum!;
    }

    private static string Fused(BlockContext c, string x, bool quantised)
    {
        var g = c.Graph;
        var n = c.Network;
        var scores = Router(c, x);
        using var _ = g.In(Module);
        var flat = g.Op("Reshape", [scores, g.Ints(-1, n.Experts)]);
        List<(string, object)> attributes =
        [
            ("k", n.ExpertsPerToken), ("activation_type", "swiglu"), ("normalize_routing_weights", 1), ("swiglu_fusion", 1),
            ("activation_alpha", 1f), ("activation_beta", 0f),
        ];
        var first = Interleaved(c[Role.ExpertGate], c[Role.ExpertUp]);
        var second = Turned(c[Role.ExpertDown]);
        var name = c.Path("moe");
        if (!quantised)
        {
            return g.ContribOp(
                "MoE", [x, flat, g.Weight($"{name}.weight_1", first), "", g.Weight($"{name}.weight_2", second)], [.. attributes]);
        }

        attributes.Add(("expert_weight_bits", g.Form.Quant.Bits));
        var (codes1, scales1) = Quantised(g, $"{name}.weight_1", first);
        var (codes2, scales2) = Quantised(g, $"{name}.weight_2", second);
        return g.ContribOp("QMoE", [x, flat, codes1, scales1, "", codes2, scales2], [.. attributes]);
    }

    /// <summary>[expert, 2 * inner, hidden]: gate and up rows in turn.</summary>
    private static WeightTensor Interleaved(WeightTensor gate, WeightTensor up)
    {
        var (experts, hidden, inner) = (gate.Shape[0], gate.Shape[1], gate.Shape[2]);
        var values = new float[2 * gate.Count];
        for (var e = 0; e < experts; e++)
        {
            for (var h = 0; h < hidden; h++)
            {
                for (var i = 0; i < inner; i++)
                {
                    var from = (e * hidden + h) * inner + i;
                    var row = (e * inner + i) * 2;
                    values[row * hidden + h] = gate.Span[from];
                    values[(row + 1) * hidden + h] = up.Span[from];
                }
            }
        }

        return WeightTensor.Of(values, experts, 2 * inner, hidden);
    }

    private static WeightTensor Turned(WeightTensor experts)
    {
        var turned = Enumerable.Range(0, experts.Shape[0]).SelectMany(e => experts.Slice(e).Transposed().Values.ToArray()).ToArray();
        return WeightTensor.Of(turned, experts.Shape[0], experts.Shape[2], experts.Shape[1]);
    }

    /// <summary>One scale a row, symmetric.</summary>
    private static (string Codes, string Scales) Quantised(GraphWriter g, string name, WeightTensor experts)
    {
        var (rows, width) = (experts.Shape[0] * experts.Shape[1], experts.Shape[2]);
        var bits = g.Form.Quant.Bits;
        var matrix = WeightTensor.Of(experts.Values.ToArray(), rows, width).Transposed();
        var q = Quantiser.Quantise(matrix, new QuantForm { Bits = bits, BlockSize = width });
        var codes = Tensors.Raw(ElementType.UInt8, Forge.Packed.Codes(q.Codes, bits), experts.Shape[0], experts.Shape[1], width * bits / 8);
        return (
            g.Initializer(name, codes),
            g.Initializer($"{name}_scales", Tensors.Floats(g.Type, q.Scales, experts.Shape[0], experts.Shape[1])));
    }
}
