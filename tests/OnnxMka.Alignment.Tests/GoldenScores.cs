using System.Text.Json;

namespace OnnxMka.Alignment.Tests;

/// <summary>
/// Data/scores.json: the definition evaluated once by an independent numpy and scipy script, with the activations it used.
/// </summary>
internal sealed class GoldenScores
{
    public static GoldenScores Load()
    {
        using var file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "Data", "scores.json"));
        var options = new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
        return JsonSerializer.Deserialize<GoldenScores>(file, options)!;
    }

    [System.Text.Json.Serialization.JsonPropertyName("N")]
    public int Samples { get; init; }

    [System.Text.Json.Serialization.JsonPropertyName("H")]
    public int Features { get; init; }

    [System.Text.Json.Serialization.JsonPropertyName("L")]
    public int Layers { get; init; }

    /// <summary>[L][N][H].</summary>
    public required float[][][] Activations { get; init; }

    /// <summary>[L].</summary>
    public required double[] Sigma { get; init; }

    /// <summary>[L][6].</summary>
    public required double[][] Eigenvalues { get; init; }

    /// <summary>[L][N][d].</summary>
    public required double[][][] EmbeddingAbs { get; init; }

    public double Entropy { get; init; }

    /// <summary>[L][L].</summary>
    public required double[][] Npib { get; init; }

    public SampleMatrix Seam(int layer) => new(Samples, Features, [.. Activations[layer].SelectMany(row => row)]);

    public LayerEmbedding[] Embed(AlignmentOptions options, IScoringKernels kernels) =>
        [.. Enumerable.Range(0, Layers).Select(layer => DiffusionMap.Embed(Seam(layer), options, kernels))];
}
