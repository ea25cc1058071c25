using System.Collections.Immutable;

namespace OnnxMka.Forge;

/// <summary>Weights from a seed, scaled so that activations stay near 1 through any number of blocks.</summary>
public static class RandomWeights
{
    /// <summary>Standard deviation of norm scales around 1, of norm shifts and of biases around 0.</summary>
    private const double Spread = 0.1;

    public static DecoderWeights For(DecoderSpec spec, int seed)
    {
        var n = spec.Network;
        var random = new Random(seed);
        var layerNorm = n.Norm == NormKind.Layer;
        var weights = new DecoderWeights
        {
            Embedding = Gaussian(random, 1 / n.EmbeddingScale, 0, n.Vocabulary, n.Hidden),
            Positions = n.Positions == PositionKind.Learned ? Gaussian(random, 0.5, 0, n.MaxPositions + n.PositionOffset, n.Hidden) : null,
            EmbeddingNorm = n.EmbeddingNorm ? Gaussian(random, Spread, 1, n.Hidden) : null,
            EmbeddingNormBias = n.EmbeddingNorm && layerNorm ? Gaussian(random, Spread, 0, n.Hidden) : null,
            Blocks = [.. spec.Blocks.Select(b => Block(random, n, b))],
            FinalNorm = n.FinalNorm ? Gaussian(random, Spread, 1, n.Hidden) : null,
            FinalNormBias = n.FinalNorm && layerNorm ? Gaussian(random, Spread, 0, n.Hidden) : null,
            Head = n.Head == HeadKind.Untied ? Matrix(random, n.Hidden, n.Vocabulary) : null,
            PerLayerTable = n.PerLayerWidth > 0 ? Gaussian(random, 1, 0, n.Vocabulary, spec.Blocks.Length * n.PerLayerWidth) : null,
        };
        return spec.Form.Type == Graph.ElementType.Float16 ? weights.Map(t => t.Map(v => (float)(Half)v)) : weights;
    }

    private static ImmutableSortedDictionary<Role, WeightTensor> Block(Random random, Network n, BlockSpec b) =>
        BlockRoles.Of(n, b).Select(r => KeyValuePair.Create(r.Role, Tensor(random, r.Role, r.Shape))).ToImmutableSortedDictionary();

    private static WeightTensor Tensor(Random random, Role role, int[] shape) => role switch
    {
        _ when shape.Length == 2 => Matrix(random, shape[0], shape[1]),
        _ when shape.Length == 3 => Gaussian(
            random, 1 / Math.Sqrt(role is Role.ConvKernel or Role.RecurrenceKernel ? shape[2] : shape[1]), 0, shape),
        Role.QueryBias or Role.KeyBias or Role.ValueBias or Role.OutputBias or Role.UpBias or Role.DownBias => Gaussian(
            random, Spread, 0, shape),
        Role.InputNormBias or Role.PostNormBias or Role.CrossNormBias => Gaussian(random, Spread, 0, shape),
        Role.AttentionAfterNormBias or Role.MlpAfterNormBias => Gaussian(random, Spread, 0, shape),
        _ => Gaussian(random, Spread, 1, shape),
    };

    private static WeightTensor Matrix(Random random, int rows, int columns) => Gaussian(random, 1 / Math.Sqrt(rows), 0, rows, columns);

    /// <summary>Normal values by Box and Muller.</summary>
    private static WeightTensor Gaussian(Random random, double deviation, double mean, params ReadOnlySpan<int> shape)
    {
        var count = 1;
        foreach (var dim in shape) count *= dim;
        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            var radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            values[i] = (float)(mean + deviation * radius * Math.Cos(2 * Math.PI * random.NextDouble()));
        }

        return WeightTensor.Of(values, shape);
    }
}
