using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>What a quantised model's codes stand for.</summary>
public static class StoredWeights
{
    /// <summary>
    /// A float model of the same numbers in plain form. Activations that the form quantises at run time (dynamic int8) stay float.
    /// </summary>
    public static DecoderModel Reference(DecoderModel model)
    {
        var (form, network, weights) = (model.Spec.Form, model.Spec.Network, model.Weights);
        var plain = model.Spec.Plain();
        if (!form.Quantised) return new DecoderModel(plain, weights);
        for (var b = 0; b < weights.Blocks.Length; b++)
        {
            var bits = model.Spec.Blocks[b].Bits;
            foreach (var (role, tensor) in weights.Blocks[b]) weights = weights.With(b, role, Stored(form, role, tensor, bits));
        }

        if (form.QuantisedTable)
            return new DecoderModel(plain, weights with { Embedding = Linear(form, weights.Embedding.Transposed(), 0).Transposed() });
        var copied = network.Head == HeadKind.Tied && (form.HeadCopy || form.InputsEmbeds);
        var head = network.Head == HeadKind.Untied ? weights.Head : copied ? weights.Embedding.Transposed() : null;
        if (head is null) return new DecoderModel(plain, weights);
        return new DecoderModel(
            plain with { Network = network with { Head = HeadKind.Untied } },
            weights with { Head = IsLinear(form.Linear) ? Linear(form, head, 0) : head });
    }

    private static WeightTensor Stored(GraphForm form, Role role, WeightTensor tensor, int bits)
    {
        var isExpert = role is Role.ExpertGate or Role.ExpertUp or Role.ExpertDown;
        if (isExpert && form.Moe == MoeForm.FusedQuantised) return ByRow(tensor, form.Quant.Bits);
        var insideAttention = form.Attention == AttentionForm.Packed && role is (Role.Query or Role.Key or Role.Value);
        if (!IsLinear(form.Linear) || insideAttention) return tensor;
        if (tensor.Shape.Length == 2) return Linear(form, tensor, bits);
        return isExpert && form.Moe is (MoeForm.DenseExperts or MoeForm.SoftExperts)
            ? PerExpert(tensor, t => Linear(form, t, bits))
            : tensor;
    }

    private static bool IsLinear(LinearForm form) =>
        form is LinearForm.NBits or LinearForm.QdqBlockwise or LinearForm.QdqBlockwiseTransposed
        or LinearForm.QdqInt8 or LinearForm.QdqFloat8 or LinearForm.DynamicInt8;

    private static WeightTensor Linear(GraphForm form, WeightTensor matrix, int bits)
    {
        var quant = QuantisedLinears.Resolve(form.Quant, bits);
        if (!QuantisedLinears.Applies(matrix, quant)) return matrix;
        return form.Linear switch
        {
            LinearForm.QdqInt8 => Channels(matrix, ElementType.Int8),
            LinearForm.QdqFloat8 => Channels(matrix, ElementType.Float8E4M3FN),
            LinearForm.DynamicInt8 => OneScale(matrix),
            _ => Quantiser.Quantise(matrix, quant).Dequantised(),
        };
    }

    private static WeightTensor Channels(WeightTensor matrix, ElementType type)
    {
        var (codes, scales) = ChannelCodes.Encode(matrix, type);
        return ChannelCodes.Decode(matrix, type, codes, scales);
    }

    private static WeightTensor OneScale(WeightTensor matrix)
    {
        var (codes, scales) = ChannelCodes.EncodeTensor(matrix);
        return ChannelCodes.Decode(matrix, ElementType.Int8, codes, scales);
    }

    /// <summary>One scale for each output of each expert.</summary>
    private static WeightTensor ByRow(WeightTensor experts, int bits) =>
        PerExpert(experts, e => Quantiser.Quantise(e, new QuantForm { Bits = bits, BlockSize = e.Shape[0] }).Dequantised());

    private static WeightTensor PerExpert(WeightTensor experts, Func<WeightTensor, WeightTensor> change) =>
        experts with
        {
            Values = Enumerable.Range(0, experts.Shape[0]).SelectMany(e => change(experts.Slice(e)).Values.ToArray()).ToArray(),
        };
}
