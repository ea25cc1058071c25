namespace OnnxMka.Forge;

/// <summary>Writes a block's MLP up to, and with, its last projection.</summary>
internal static class Mlps
{
    public static Branch Write(BlockContext c, string x)
    {
        if (c.Spec.Mlp == MlpKind.Experts) return new Branch(Experts.Write(c, x));
        var inner = c.Spec.Mlp is MlpKind.SwiGlu or MlpKind.GeGlu ? Gated(c, x) : Plain(c, x);
        var leaveBias = c.Form.Join == JoinForm.SkipNorm && c.Form.SkipBias && c.Has(Role.DownBias);
        var down = c.Linear(inner, Module(c, c.Modules.Down), Role.Down, Role.DownBias, withBias: !leaveBias);
        return new Branch(down, leaveBias ? c.Graph.Weight($"{c.Path(Module(c, c.Modules.Down))}.bias", c[Role.DownBias]) : null);
    }

    /// <summary>Path of a part of the MLP: directly under the block in families without an MLP module (OPT).</summary>
    public static string Module(BlockContext c, string part) => c.Modules.Mlp.Length > 0 ? $"{c.Modules.Mlp}/{part}" : part;

    private static string Gated(BlockContext c, string x)
    {
        var (gate, up) = c.Form.GateUp == GateUpForm.Separate
            ? (c.Linear(x, Module(c, c.Modules.Gate), c[Role.Gate]), c.Linear(x, Module(c, c.Modules.Up), Role.Up, Role.UpBias))
            : Together(c, x);
        string active;
        using (c.Graph.In(Module(c, "act_fn"))) active = Activations.Write(c.Graph, c.Spec.Mlp, gate, null);
        using var _ = c.Graph.In(Module(c, ""));
        return c.Graph.Op("Mul", [active, up]);
    }

    /// <summary>One matrix for gate and up. A bias is up's; gate's part of it is zero.</summary>
    private static (string Gate, string Up) Together(BlockContext c, string x)
    {
        var (g, inner) = (c.Graph, c[Role.Gate].Shape[1]);
        var bias = c.Optional(Role.UpBias);
        WeightTensor[] parts = [c[Role.Gate], c[Role.Up]], vectors = bias is null ? [] : [bias.Map(_ => 0), bias];
        var inTurn = c.Form.GateUp is GateUpForm.Strided or GateUpForm.PairsGathered;
        var both = c.Linear(x, Module(c, "gate_up_proj"), Laid(parts), bias is null ? null : Laid(vectors));
        using var _ = g.In(Module(c, ""));
        switch (c.Form.GateUp)
        {
            case GateUpForm.Split:
                var halves = g.Split(both, 2, inner, inner);
                return (halves[0], halves[1]);
            case GateUpForm.Sliced:
                return (g.Slice(both, 0, inner, 2), g.Slice(both, inner, 2 * inner, 2));
            case GateUpForm.Chunked:
                var half = g.Op("Div", [g.Op("Gather", [g.Op("Shape", [both]), g.Ints(2)], ("axis", 0)), g.Ints(2)]);
                return (
                    g.Op("Slice", [both, g.Ints(0), half, g.Ints(2)]),
                    g.Op("Slice", [both, half, g.Op("Mul", [half, g.Ints(2)]), g.Ints(2)]));
            case GateUpForm.Strided:
                return (
                    g.Op("Slice", [both, g.Ints(0), g.Ints(long.MaxValue), g.Ints(2), g.Ints(2)]),
                    g.Op("Slice", [both, g.Ints(1), g.Ints(long.MaxValue), g.Ints(2), g.Ints(2)]));
            default:
                var apart = g.Op("Reshape", [both, inTurn ? g.Ints(0, 0, inner, 2) : g.Ints(0, 0, 2, inner)]);
                var axis = inTurn ? 3 : 2;
                return (g.Op("Gather", [apart, g.Int(0)], ("axis", axis)), g.Op("Gather", [apart, g.Int(1)], ("axis", axis)));
        }

        WeightTensor Laid(WeightTensor[] sections)
        {
            var whole = WeightTensor.Beside(sections);
            if (!inTurn) return whole;
            var (values, columns) = (new float[whole.Count], 2 * inner);
            for (var i = 0; i < values.Length; i++) values[i] = whole.Span[i - (i % columns) + (i % 2 * inner) + (i % columns / 2)];
            return WeightTensor.Of(values, [.. whole.Shape]);
        }
    }

    private static string Plain(BlockContext c, string x)
    {
        var inActivation = c.Form.Activation == ActivationForm.WithBias
            && c.Has(Role.UpBias)
            && c.Spec.Mlp is MlpKind.Gelu or MlpKind.GeluTanh;
        var up = c.Linear(x, Module(c, c.Modules.Up), Role.Up, Role.UpBias, withBias: !inActivation);
        var bias = inActivation && c.Has(Role.UpBias) ? c.Graph.Weight($"{c.Path(Module(c, c.Modules.Up))}.bias", c[Role.UpBias]) : null;
        using var _ = c.Graph.In(Module(c, "act"));
        return Activations.Write(c.Graph, c.Spec.Mlp, up, bias);
    }
}

/// <summary>Writes activation functions.</summary>
internal static class Activations
{
    /// <param name="bias">Added to x by the activation's own node; null where there is none to add.</param>
    public static string Write(GraphWriter g, MlpKind kind, string x, string? bias) => kind switch
    {
        MlpKind.SwiGlu or MlpKind.Experts => g.Op("Mul", [x, g.Op("Sigmoid", [x])]),
        MlpKind.Relu => g.Op("Relu", [x]),
        MlpKind.ReluSquared => g.Op("Pow", [g.Op("Relu", [x]), g.Float(2)]),
        MlpKind.Gelu => Gelu(g, x, bias),
        _ => GeluTanh(g, x, bias),
    };

    private static string Gelu(GraphWriter g, string x, string? bias)
    {
        if (bias is not null) return g.ContribOp("BiasGelu", [x, bias]);
        if (g.Form.Activation == ActivationForm.Standard) return g.Op("Gelu", [x]);
        if (g.Form.Activation != ActivationForm.Decomposed) return g.ContribOp("Gelu", [x]);
        var erf = g.Op("Erf", [g.Op("Div", [x, g.Float(MathF.Sqrt(2))])]);
        return g.Op("Mul", [g.Op("Mul", [x, g.Op("Add", [erf, g.Float(1)])]), g.Float(0.5f)]);
    }

    private static string GeluTanh(GraphWriter g, string x, string? bias)
    {
        if (bias is not null) return g.ContribOp("FastGelu", [x, bias]);
        if (g.Form.Activation == ActivationForm.Standard) return g.Op("Gelu", [x], ("approximate", "tanh"));
        if (g.Form.Activation != ActivationForm.Decomposed) return g.ContribOp("FastGelu", [x]);
        var cubed = g.Op("Mul", [g.Float(0.044715f), g.Op("Pow", [x, g.Float(3)])]);
        var inner = g.Op("Mul", [g.Op("Add", [x, cubed]), g.Float(MathF.Sqrt(2 / MathF.PI))]);
        return g.Op("Mul", [g.Op("Mul", [x, g.Float(0.5f)]), g.Op("Add", [g.Op("Tanh", [inner]), g.Float(1)])]);
    }
}
