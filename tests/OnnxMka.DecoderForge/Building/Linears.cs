namespace OnnxMka.Forge;

/// <summary>Writes a projection, x [.., in] times a matrix [in, out] plus bias, in the form asked for.</summary>
internal sealed class Linears(GraphWriter g)
{
    private readonly QuantisedLinears _quantised = new(g);

    /// <param name="module">Dotted path of the module: initializer names start with it.</param>
    /// <param name="bits">Width of quantised weights where it differs from the form's; 0 otherwise.</param>
    public string Apply(string x, string module, WeightTensor weight, WeightTensor? bias, int bits)
    {
        var form = g.Form.Linear;
        if (form is LinearForm.GemmTransB or LinearForm.Conv1D) return Gemm(x, module, weight, bias, form == LinearForm.GemmTransB);
        var product = form switch
        {
            LinearForm.MatMul => g.Op("MatMul", [x, g.Weight(Name(module), weight)]),
            LinearForm.TransposedMatMul => g.Op("MatMul", [x, g.Transpose(g.Weight(Name(module), weight.Transposed()), 1, 0)]),
            _ => _quantised.Apply(x, module, weight, bits),
        };
        return bias is null ? product : AddBias(product, module, bias);
    }

    private string AddBias(string product, string module, WeightTensor bias)
    {
        var value = g.Weight(g.Dialect.WeightName(module, WeightPart.Bias), bias);
        return g.Dialect.BiasFirst ? g.Op("Add", [value, product]) : g.Op("Add", [product, value]);
    }

    private string Gemm(string x, string module, WeightTensor weight, WeightTensor? bias, bool transposed)
    {
        var flat = g.Op("Reshape", [x, g.Ints(-1, weight.Shape[0])]);
        var matrix = g.Weight($"{module}.weight", transposed ? weight.Transposed() : weight);
        var vector = bias is null ? "" : g.Weight($"{module}.bias", bias);
        var product = g.Op("Gemm", [flat, matrix, vector], ("alpha", 1f), ("beta", 1f), ("transB", transposed ? 1 : 0));
        var batchAndLength = g.Slice(g.Op("Shape", [x]), 0, 2, 0);
        return g.Op("Reshape", [product, g.Op("Concat", [batchAndLength, g.Ints(weight.Shape[1])], ("axis", 0))]);
    }

    private string Name(string module) => g.Dialect.WeightName(module, WeightPart.Matrix);
}
