using System.Collections.Immutable;
using System.Text.Json;
using OnnxMka.Alignment;
using OnnxMka.Json;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Scoring;

/// <summary>What one calibration told about a model: enough for any number of plans.</summary>
/// <param name="Fingerprint">Of the model; empty where activations came from elsewhere.</param>
/// <param name="Npib">Similarity of every pair of seams.</param>
/// <param name="Sigma">Kernel width of each seam, in units of activations.</param>
/// <param name="Eigenvalues">Leading spectrum of each seam's diffusion operator, the trivial 1 first.</param>
/// <param name="Samples">Calibration sequences, N.</param>
internal sealed record Analysis(
    string Fingerprint,
    SimilarityTable Npib,
    ImmutableArray<double> Sigma,
    ImmutableArray<ImmutableArray<double>> Eigenvalues,
    int Samples,
    int SampleLength,
    string CalibrationSource,
    string CalibrationSha256,
    string ExecutionProvider)
{
    public const int Version = 1;

    /// <summary>Diffusion coordinates of each seam, for reports; empty where the analysis was read from a file.</summary>
    public ImmutableArray<LayerEmbedding> Embeddings { get; init; } = [];

    /// <summary>Norm and influence of each seam, for reports; empty where the analysis was read from a file.</summary>
    public ImmutableArray<SeamStatistics> Seams { get; init; } = [];

    /// <summary>Refuses an analysis of another model. One of activations from elsewhere tells only the number of blocks.</summary>
    public void RequireFor(BlockMap map, string fingerprint)
    {
        var isOther = Fingerprint.Length > 0 && Fingerprint != fingerprint;
        var why = Npib.Count != map.Count ? $"it is of {Npib.Count} blocks and the model has {map.Count}"
            : isOther ? "it was made for another model" : null;
        if (why is not null) throw new RefusedException("MKA036", "the analysis", why, "Score this model");
    }

    public string ToJson() => JsonSerializer.Serialize(
        new Document(
            Version,
            Fingerprint,
            Npib.Rows,
            Sigma,
            Eigenvalues,
            Samples,
            SampleLength,
            CalibrationSource,
            CalibrationSha256,
            ExecutionProvider),
        JsonForm.Indented) + "\n";

    /// <summary>Refuses other versions, tables that are not square, and seams without their figures.</summary>
    public static Analysis FromJson(string json, string name)
    {
        try
        {
            var d = JsonSerializer.Deserialize<Document>(json, JsonForm.Indented);
            if (d is not { Version: Version }
                || d.Npib.IsDefaultOrEmpty
                || d.Npib.Any(r => r.Length != d.Npib.Length || r.Any(v => v is not (>= 0 and <= 1)))
                || d.Sigma.IsDefault
                || d.Sigma.Length != d.Npib.Length
                || d.Eigenvalues.IsDefault
                || d.Eigenvalues.Length != d.Npib.Length
                || d.Eigenvalues.Any(e => e.IsDefault || e.Length < 2))
                throw Bad(name, $"it is no analysis of version {Version}");
            return new Analysis(
                d.Fingerprint ?? "",
                new SimilarityTable(d.Npib),
                d.Sigma,
                d.Eigenvalues,
                d.Samples,
                d.SampleLength,
                d.CalibrationSource ?? "",
                d.CalibrationSha256 ?? "",
                d.ExecutionProvider ?? "");
        }
        catch (JsonException e)
        {
            throw Bad(name, $"it is no analysis ({e.Message.Split('\n')[0].TrimEnd('.')})");
        }
    }

    private static RefusedException Bad(string name, string what) =>
        new("MKA036", name, what, "Make one with: onnx-mka score MODEL -o analysis.json");

    private sealed record Document(
        int Version,
        string? Fingerprint,
        ImmutableArray<ImmutableArray<double>> Npib,
        ImmutableArray<double> Sigma,
        ImmutableArray<ImmutableArray<double>> Eigenvalues,
        int Samples,
        int SampleLength,
        string? CalibrationSource,
        string? CalibrationSha256,
        string? ExecutionProvider);
}
