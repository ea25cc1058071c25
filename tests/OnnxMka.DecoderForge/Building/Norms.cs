using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>Parameters of a norm as value names.</summary>
internal sealed record NormWeights(string Gamma, string? Beta);

/// <summary>Writes a norm in the form asked for.</summary>
internal sealed class Norms(GraphWriter g, Network network)
{
    private readonly float _epsilon = network.Epsilon;

    /// <summary>Type in which norms outside attention work.</summary>
    public ElementType StreamType => g.Form.FloatResidual ? ElementType.Float : g.Type;

    /// <summary>The normed value, and the name under which later nodes read the value that was normed.</summary>
    public (string Normed, string Alias) Apply(string x, NormWeights w, ElementType type) => g.Form.Norm switch
    {
        NormForm.RmsTorchScript => TorchScriptRms(x, w, type),
        NormForm.RmsDynamo => (DynamoRms(x, w, type), x),
        NormForm.RmsSimplified => (Simplified(x, w), x),
        NormForm.RmsStandard => (g.Op("RMSNormalization", [x, w.Gamma], ("axis", -1), ("epsilon", _epsilon), ("stash_type", 1)), x),
        NormForm.LayerStandard => (g.Op("LayerNormalization", [x, w.Gamma, w.Beta!], ("axis", -1), ("epsilon", _epsilon)), x),
        _ => (DecomposedLayer(x, w, type), x),
    };

    /// <summary>A join and a norm in one node: sum of the operands, and its norm. Empty sum where nobody needs it.</summary>
    public (string Normed, string Sum) ApplySkip(string first, string second, NormWeights w, string? bias, bool needsSum)
    {
        string?[] outputs = needsSum ? [null, "", "", null] : [null];
        var label = g.Form.Dialect == DialectKind.GenAi ? "SkipLayerNorm" : bias is null ? null : "AddBias";
        var written = w.Beta is null
            ? g.Call(
                "SkipSimplifiedLayerNormalization",
                GraphWriter.Contrib,
                [first, second, w.Gamma, bias ?? ""],
                outputs,
                [("epsilon", _epsilon)],
                label)
            : g.Call(
                "SkipLayerNormalization",
                GraphWriter.Contrib,
                [first, second, w.Gamma, w.Beta, bias ?? ""],
                outputs,
                [("epsilon", _epsilon)],
                label);
        if (g.Form.Dialect == DialectKind.GenAi)
        {
            object[] dims = ["batch_size", "sequence_length", network.Hidden];
            g.Described.AddRange(written.Where(v => v.Length > 0).Select(v => Ports.Info(v, StreamType, dims)));
        }

        return (written[0], needsSum ? written[3] : "");
    }

    /// <summary>An operator of ORT's that lives in the standard domain.</summary>
    private string Simplified(string x, NormWeights w) => g.Call(
        "SimplifiedLayerNormalization", "", [x, w.Gamma], [null], [("epsilon", _epsilon), ("axis", -1), ("stash_type", 1)], "LayerNorm")[0];

    private (string, string) TorchScriptRms(string x, NormWeights w, ElementType type)
    {
        var wide = g.Cast(x, ElementType.Float);
        var mean = g.ReduceMean(g.Op("Pow", [wide, g.Float(2, ElementType.Float)]));
        var root = g.Op("Sqrt", [g.Op("Add", [mean, g.Float(_epsilon, ElementType.Float)])]);
        var scaled = g.Op("Mul", [wide, g.Op("Div", [g.Float(1, ElementType.Float), root])]);
        var normed = g.Op("Mul", [w.Gamma, g.Cast(scaled, type)]);
        return (normed, type == ElementType.Float && g.Dialect.AliasesCasts ? wide : x);
    }

    private string DynamoRms(string x, NormWeights w, ElementType type)
    {
        var wide = type == ElementType.Float ? x : g.Cast(x, ElementType.Float);
        var mean = g.ReduceMean(g.Op("Pow", [wide, g.Float(2, ElementType.Float)]));
        var inverse = g.Op("Reciprocal", [g.Op("Sqrt", [g.Op("Add", [mean, g.Float(_epsilon, ElementType.Float)])])]);
        var scaled = g.Op("Mul", [wide, inverse]);
        return g.Op("Mul", [w.Gamma, type == ElementType.Float ? scaled : g.Cast(scaled, type)]);
    }

    private string DecomposedLayer(string x, NormWeights w, ElementType type)
    {
        var centred = g.Op("Sub", [x, g.ReduceMean(x)]);
        var variance = g.ReduceMean(g.Op("Pow", [centred, g.Float(2, type)]));
        var root = g.Op("Sqrt", [g.Op("Add", [variance, g.Float(_epsilon, type)])]);
        return g.Op("Add", [g.Op("Mul", [g.Op("Div", [centred, root]), w.Gamma]), w.Beta!]);
    }
}
