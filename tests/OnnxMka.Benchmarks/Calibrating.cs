using Microsoft.ML.OnnxRuntime;
using OnnxMka.Blocks;
using OnnxMka.Calibration;
using OnnxMka.Graph;
using OnnxMka.Runtime;

namespace OnnxMka.Benchmarks;

/// <summary>Calibration through taps against one plain forward pass of ONNX Runtime over the same tokens, both from opening the model on.</summary>
internal static class Calibrating
{
    private const int Batch = 8;

    public static IEnumerable<Row> Run(string work, string books16, bool quick)
    {
        yield return Compare("books16", books16, samples: quick ? 64 : 256, length: 128, rounds: 5);
        if (!quick) yield return Compare("llama-3.2-1b", Path.Combine(BigModel.Make(work, "llama-3.2-1b"), "model.onnx"), samples: 16, length: 64, rounds: 3);
    }

    private static Row Compare(string name, string model, int samples, int length, int rounds)
    {
        var random = new Random(1);
        int[][] tokens = [.. Enumerable.Range(0, samples).Select(_ => Enumerable.Range(0, length).Select(_ => random.Next(500)).ToArray())];
        var set = new CalibrationSet([.. tokens], length, "random ids", "");
        var map = BlockDetector.Detect(OnnxModel.Load(model));
        var (taps, plain) = (new List<double>(), new List<double>());
        for (var round = 0; round <= rounds; round++)
        {
            var (tapped, forward) = (Measured.Time(() => CalibrationRun.Pooled(map, set, Pooling.Mean, Batch, ExecutionTarget.Cpu)), Measured.Time(() => Plain(map, model, set)));
            if (round == 0) continue; // the first fills the page cache for both
            taps.Add(tapped);
            plain.Add(forward);
        }

        var (ours, rival) = (Measured.MedianOf([.. taps]), Measured.MedianOf([.. plain]));
        return new Row(
            $"{name}: calibration through taps, {samples} x {length} tokens, {Batch} at once, median of {rounds}", $"{ours:0.00} s", $"one plain forward, logits left in place: {rival:0.00} s", $"{ours / rival:0.00}", "at most 1.15 times", ours <= 1.15 * rival);
    }

    /// <summary>The model's own file in a session with default options; every batch asks for the logits alone.</summary>
    private static void Plain(BlockMap map, string model, CalibrationSet set)
    {
        using var options = new SessionOptions();
        using var session = new InferenceSession(model, options);
        using var run = new RunOptions();
        var ports = DecoderPorts.Of(map);
        for (var start = 0; start < set.Count; start += Batch)
        {
            var batch = set.Samples.AsSpan().Slice(start, Math.Min(Batch, set.Count - start)).ToArray();
            var feeds = ports.Feed(batch.SelectMany(s => s).ToArray(), batch.Length, 0, null);
            using var outputs = session.Run(run, feeds.Keys, feeds.Values, [ports.Logits]);
            foreach (var feed in feeds.Values) feed.Dispose();
        }
    }
}
