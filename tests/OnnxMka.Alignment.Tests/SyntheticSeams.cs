namespace OnnxMka.Alignment.Tests;

/// <summary>Made-up activations with a seed: a few latent directions, noise, and a drift from layer to layer.</summary>
internal static class SyntheticSeams
{
    /// <summary>One seam: [samples, features].</summary>
    public static SampleMatrix Seam(int samples, int features, int seed) => Stack(1, samples, features, seed)[0];

    /// <summary>Seams of the same samples, each a step further from the first.</summary>
    public static SampleMatrix[] Stack(int layers, int samples, int features, int seed)
    {
        const int Latents = 4;
        var random = new Random(seed);
        var latent = Normal(random, samples * Latents); // [N, 4]
        var directions = Normal(random, Latents * features); // [4, H]
        var values = new double[samples * features];
        for (var i = 0; i < samples; i++)
        {
            for (var k = 0; k < Latents; k++)
            {
                for (var h = 0; h < features; h++)
                    values[(i * features) + h] += latent[(i * Latents) + k] * directions[(k * features) + h] * 2 / (k + 1);
            }
        }

        var seams = new SampleMatrix[layers];
        for (var layer = 0; layer < layers; layer++)
        {
            var noise = Normal(random, values.Length);
            for (var i = 0; i < values.Length; i++)
                values[i] += 0.4 * noise[i];
            seams[layer] = new SampleMatrix(samples, features, [.. values.Select(value => (float)value)]);
        }

        return seams;
    }

    /// <summary>Independent normal values: no structure at all, the hardest case for an eigensolver.</summary>
    public static SampleMatrix Noise(int samples, int features, int seed) =>
        new(samples, features, [.. Normal(new Random(seed), samples * features).Select(value => (float)value)]);

    /// <summary>An embedding from given coordinates [N, d]; sigma and spectrum are not looked at by what follows.</summary>
    public static LayerEmbedding Embedding(int dimension, double[] coordinates) =>
        new(coordinates.Length / dimension, dimension, coordinates, 1, new double[dimension + 1], 0);

    /// <summary>Standard normal values by Box and Muller.</summary>
    public static double[] Normal(Random random, int count)
    {
        var values = new double[count];
        for (var i = 0; i < count; i++)
            values[i] = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        return values;
    }
}
