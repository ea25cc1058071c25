using System.Globalization;
using System.Runtime.Intrinsics;
using OnnxMka.Alignment;
using OnnxMka.Outcomes;
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
        var processor = Measured.ProcessorMedian(5, () => Score(seams));
        var name = $"scoring, L = {layers}, N = {Samples}, H = {Features}";
        var paper = Paper(layers, Samples);
        if (paper is not null)
        {
            // The best of three: whatever else runs on the machine slows the rival's minutes more than our moments.
            for (var i = 0; i < 2; i++) paper = Paper(layers, Samples) is { } again && again.Seconds < paper.Seconds ? again : paper;
            yield return new Row(
                $"{name}, median of 5",
                $"{ours * 1000:0} ms",
                $"the paper's calls, best of 3: {paper.Seconds:0.0} s",
                $"{paper.Seconds / ours:0} times",
                "at least 50 times faster",
                paper.Seconds >= 50 * ours);
            yield return new Row(
                $"{name}, processor time",
                $"{processor * 1000:0} ms",
                $"the paper's calls {paper.Processor:0.0} s",
                $"{paper.Processor / processor:0} times",
                null,
                null);
            var (whole, wholePaper) = (ours + StartSeconds(), paper.Seconds + paper.Imports);
            yield return new Row(
                $"{name}, with the start of a process",
                $"{whole * 1000:0} ms",
                $"with Python's imports {wholePaper:0.0} s",
                $"{wholePaper / whole:0} times",
                null,
                null);
        }
        else
        {
            yield return new Row(
                $"{name}, median of 5", $"{ours * 1000:0} ms", "not run: python3-sklearn is not installed", "", null, null);
        }

        var threads = Environment.ProcessorCount;
        foreach (var (stage, seconds, rival) in Profile(seams, paper))
        {
            yield return new Row(
                $"{name}, on one thread: {stage}",
                $"{seconds * 1000:0} ms",
                rival,
                $"{seconds / processor:0.00} of the processor time",
                null,
                null);
        }

        // One fused multiply-add a pair and feature, eight of float64 in a vector of 512 bits: no order of the loops takes less.
        var floor = layers * (Samples * (Samples + 1.0) / 2) * Features / PeakOperations();
        yield return new Row(
            $"{name}: the least that float64 distances take",
            $"{floor * 1000:0} ms on one thread, {floor * 1000 / threads:0} ms on {threads}",
            "fused multiply-adds at the peak that registers alone reach",
            paper is null ? "" : $"{paper.Seconds * threads / floor:0} times is the most there is",
            null,
            null);
        yield return new Row($"{name}, first run in a process", $"{cold * 1000:0} ms", "", "", null, null);

        var path = Path.Combine(work, "activations.npy");
        var most = quick ? 1024 : 8192;
        WriteNpy(path, Stack(2, most));
        var large = Measured.Process(
            Path.Combine(AppContext.BaseDirectory, "onnx-mka"), "score", "--activations", path, "--json", "--quiet");
        File.Delete(path);
        yield return new Row(
            $"score, L = 2, N = {most}, H = {Features}: peak memory of the process",
            $"{large.PeakMegabytes:0} MB in {large.Seconds:0.0} s",
            "",
            "",
            "under 4 GB",
            large.PeakMegabytes < 4000);
    }

    public static void Score(SampleMatrix[] seams) =>
        Scorer.Score(seams, new AlignmentOptions(), new CpuScoringKernels(), NoProgress.Instance, CancellationToken.None);

    /// <summary>Where the time goes: the stages run apart on one thread, each a median of five.</summary>
    private static IEnumerable<(string Stage, double Seconds, string Rival)> Profile(SampleMatrix[] seams, PaperTimes? paper)
    {
        var (kernels, options) = ((IScoringKernels)new CpuScoringKernels(), new AlignmentOptions { MaxThreads = 1 });
        var squared = new double[seams[0].Samples * seams[0].Samples];
        var distances = Measured.Median(5, () => Array.ForEach(seams, s => kernels.SquaredDistances(s, squared, 1)));
        LayerEmbedding[] embeddings = [];
        var maps = Measured.Median(5, () => embeddings = [.. seams.Select(s => DiffusionMap.Embed(s, options))]);
        yield return (
            "distances",
            distances,
            paper is null ? "" : $"the paper's layers (distances, kernel, condition number, singular values) {paper.Layers:0.0} s");
        yield return ("kernel and eigenpairs", maps - distances, "");
        yield return (
            "NPIB of all pairs",
            Measured.Median(5, () => SimilarityMatrix.Compute(embeddings, options)),
            paper is null ? "" : $"the paper's pairs {paper.Pairs:0.0} s");
    }

    /// <summary>Fused multiply-adds of float64 that one thread does in a second when nothing is loaded.</summary>
    private static double PeakOperations()
    {
        const int Rounds = 4_000_000;
        double Run() => Measured.Time(() => Sink = Chains(Rounds));
        Run();
        return Rounds * 12.0 * Vector512<double>.Count / Enumerable.Range(0, 5).Min(_ => Run());
    }

    private static double Sink { get; set; }

    /// <summary>Twelve independent chains hide the latency of each.</summary>
    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.AggressiveOptimization)]
    private static double Chains(int rounds)
    {
        Vector512<double> x = Vector512.Create(0.999), y = Vector512.Create(1e-3);
        Vector512<double> a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
        for (var round = 0; round < rounds; round++)
        {
            (a, b, c) = (Vector512.FusedMultiplyAdd(a, x, y), Vector512.FusedMultiplyAdd(b, x, y), Vector512.FusedMultiplyAdd(c, x, y));
            (d, e, f) = (Vector512.FusedMultiplyAdd(d, x, y), Vector512.FusedMultiplyAdd(e, x, y), Vector512.FusedMultiplyAdd(f, x, y));
            (g, h, i) = (Vector512.FusedMultiplyAdd(g, x, y), Vector512.FusedMultiplyAdd(h, x, y), Vector512.FusedMultiplyAdd(i, x, y));
            (j, k, l) = (Vector512.FusedMultiplyAdd(j, x, y), Vector512.FusedMultiplyAdd(k, x, y), Vector512.FusedMultiplyAdd(l, x, y));
        }

        return Vector512.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }

    /// <summary>Of the tool, to its help text: what a process costs beside its work.</summary>
    private static double StartSeconds() => Measured.Process(Path.Combine(AppContext.BaseDirectory, "onnx-mka"), "--help").Seconds;

    /// <summary>Seconds that the paper's calls take on data of that shape; null where Debian's scikit-learn is not there.</summary>
    public static PaperTimes? Paper(int layers, int samples)
    {
        if (!Machine.HasPython("sklearn.feature_selection")) return null;
        var script = Path.Combine(AppContext.BaseDirectory, "paper_scoring.py");
        double[] times =
        [
            .. Measured.Process(Machine.Python, script, $"{layers}", $"{samples}", $"{Features}").Output
                .Split(' ')
                .Select(t => double.Parse(t, CultureInfo.InvariantCulture)),
        ];
        return new PaperTimes(times[0], times[1], times[2], times[3]);
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
            {
                System.Numerics.Tensors.TensorPrimitives.MultiplyAdd(
                    direction, (float)Normal(random), stream.AsSpan(i * Features, Features), stream.AsSpan(i * Features, Features));
            }
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

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

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

/// <summary>Seconds of the paper's calls: imports, all layers, all pairs, and processor time of the last two.</summary>
internal sealed record PaperTimes(double Imports, double Layers, double Pairs, double Processor)
{
    /// <summary>From pooled activations to the matrix, as the script measures itself.</summary>
    public double Seconds => Layers + Pairs;
}
