using System.Globalization;
using OnnxMka.Alignment;
using OnnxMka.Scoring;

namespace OnnxMka.Benchmarks;

/// <summary>Pooled activations to the matrix of similarities, against the calls of the paper's script (<c>paper_scoring.py</c>).</summary>
internal static class Scoring
{
    private const int Features = 4096;

    public static IEnumerable<Row> AgainstPaper(string work, bool quick)
    {
        const int Samples = 256;
        var layers = quick ? 8 : 32;
        var seams = Stack(layers, Samples);
        var cold = Measured.Time(() => Score(seams));
        var ours = Measured.Median(5, () => Score(seams));
        var name = $"scoring, L = {layers}, N = {Samples}, H = {Features}";
        if (Paper(layers, Samples) is { } paper)
            yield return new Row($"{name}, median of 5", $"{ours * 1000:0} ms", $"the paper's calls {paper:0.0} s", $"{paper / ours:0} times", "at least 50 times faster", paper >= 50 * ours);
        else
            yield return new Row($"{name}, median of 5", $"{ours * 1000:0} ms", "not run: python3-sklearn is not installed", "", null, null);
        foreach (var (stage, seconds) in Profile(seams))
            yield return new Row($"{name}: of that {stage}", $"{seconds * 1000:0} ms", "", $"{seconds / ours:0.00}", null, null);
        yield return new Row($"{name}, first run in a process", $"{cold * 1000:0} ms", "", "", null, null);

        var path = Path.Combine(work, "activations.npy");
        var most = quick ? 1024 : 8192;
        WriteNpy(path, Stack(2, most));
        var large = Measured.Process(Path.Combine(AppContext.BaseDirectory, "onnx-mka"), "score", "--activations", path, "--json", "--quiet");
        File.Delete(path);
        yield return new Row($"score, L = 2, N = {most}, H = {Features}: peak memory of the process", $"{large.PeakMegabytes:0} MB in {large.Seconds:0.0} s", "", "", "under 4 GB", large.PeakMegabytes < 4000);
    }

    public static void Score(SampleMatrix[] seams) => Scorer.Score(seams, new AlignmentOptions(), new CpuScoringKernels(), NoProgress.Instance, CancellationToken.None);

    /// <summary>Where the time goes: the stages run apart, each a median of five.</summary>
    private static IEnumerable<(string Stage, double Seconds)> Profile(SampleMatrix[] seams)
    {
        var (kernels, options) = (new CpuScoringKernels(), new AlignmentOptions());
        var squared = new double[seams[0].Samples * seams[0].Samples];
        var distances = Measured.Median(5, () => Array.ForEach(seams, s => kernels.SquaredDistances(s, squared, 0)));
        LayerEmbedding[] embeddings = [];
        var maps = Measured.Median(5, () => embeddings = [.. seams.Select(s => DiffusionMap.Embed(s, options))]);
        yield return ("distances", distances);
        yield return ("kernel and eigenpairs", maps - distances);
        yield return ("NPIB of all pairs", Measured.Median(5, () => SimilarityMatrix.Compute(embeddings, options)));
    }

    /// <summary>Seconds that the paper's calls take on data of that shape; null where Debian's scikit-learn is not there.</summary>
    public static double? Paper(int layers, int samples)
    {
        if (!Machine.HasPython("sklearn.feature_selection")) return null;
        var script = Path.Combine(AppContext.BaseDirectory, "paper_scoring.py");
        return double.Parse(Measured.Process(Machine.Python, script, $"{layers}", $"{samples}", $"{Features}").Output, CultureInfo.InvariantCulture);
    }

    /// <summary>A few latent directions that change a little from layer to layer, as the script makes them.</summary>
    public static SampleMatrix[] Stack(int layers, int samples)
    {
        const int Latents = 4;
        var random = new Random(1);
        var directions = new float[Latents][];
        for (var k = 0; k < Latents; k++) Add(directions[k] = new float[Features], random, 2.0 / (k + 1));
        var stream = new float[samples * Features];
        for (var i = 0; i < samples; i++)
        {
            foreach (var direction in directions)
                System.Numerics.Tensors.TensorPrimitives.MultiplyAdd(direction, (float)Normal(random), stream.AsSpan(i * Features, Features), stream.AsSpan(i * Features, Features));
        }

        return [.. Enumerable.Range(0, layers).Select(_ =>
        {
            Add(stream, random, 0.4);
            return new SampleMatrix(samples, Features, (float[])stream.Clone());
        })];
    }

    private static void Add(float[] stream, Random random, double scale)
    {
        for (var i = 0; i < stream.Length; i++) stream[i] += (float)(scale * Normal(random));
    }

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    private static void WriteNpy(string path, SampleMatrix[] seams)
    {
        using var file = File.Create(path);
        var header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({seams.Length}, {seams[0].Samples}, {Features}), }}";
        header = header.PadRight((((10 + header.Length) / 64) + 1) * 64 - 11) + "\n";
        file.Write([0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0, (byte)header.Length, (byte)(header.Length >> 8)]);
        file.Write(System.Text.Encoding.ASCII.GetBytes(header));
        foreach (var seam in seams) file.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes(seam.Values));
    }
}
