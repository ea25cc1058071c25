using Microsoft.ML.OnnxRuntime;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Numerics;
using OnnxMka.Outcomes;
using OnnxMka.Running.Activations;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Benchmarks;

/// <summary>
/// Calibration through taps against one plain forward pass of ONNX Runtime over the same tokens, both from opening the model on.
/// </summary>
internal static class Calibrating
{
    private const int Batch = 8;

    public static IEnumerable<Row> Run(string work, string books16, bool quick)
    {
        foreach (var row in Gram(books16, quick ? 32 : 128)) yield return row;
        yield return Compare("books16", books16, samples: quick ? 64 : 256, length: 128, rounds: 5);
        if (!quick)
        {
            yield return Compare(
                "llama-3.2-1b", Path.Combine(BigModel.Make(work, "llama-3.2-1b"), "model.onnx"), samples: 16, length: 64, rounds: 3);
        }
    }

    /// <summary>
    /// The chain over all blocks with taps at the inputs of every weight that writes to the stream, alone and with the sums of its
    /// least-squares problem: what a refit of all blocks gathers. In processor time, which another job on the machine changes least.
    /// </summary>
    private static IEnumerable<Row> Gram(string books16, int samples)
    {
        const int Length = 128;
        var map = BlockDetector.Detect(OnnxModel.Load(books16));
        var random = new Random(1);
        var set = new CalibrationSet(
            [.. Enumerable.Range(0, samples).Select(_ => Enumerable.Range(0, Length).Select(_ => random.Next(500)).ToArray())],
            Length,
            "random ids",
            "");
        var (alone, folds, all) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = 0; round <= 3; round++)
        {
            double[] times = [Chain(map, set, 0), Chain(map, set, 1), Chain(map, set, 2)];
            if (round == 0) continue;
            alone.Add(times[0]);
            folds.Add(times[1]);
            all.Add(times[2]);
        }

        var plain = Measured.MedianOf([.. alone]);
        foreach (var (what, times) in new[]
        {
            ("the last writer of every fourth block (a fold)", folds),
            ("both writers of every block (a refit)", all),
        })
        {
            var ours = Measured.MedianOf([.. times]);
            yield return new Row(
                $"books16: block chain with Gram sums for {what}, {samples} x {Length} tokens, processor time",
                $"{ours:0.0} s",
                $"without the sums {plain:0.0} s",
                $"{ours / plain:0.00}",
                times == folds ? "at most 1.20 times" : null,
                times == folds ? ours <= 1.2 * plain : null);
        }
    }

    /// <summary>Seconds of processor time.</summary>
    /// <param name="sums">0: taps alone; 1: a fold's; 2: a refit's.</param>
    private static double Chain(BlockMap map, CalibrationSet set, int sums)
    {
        var before = Environment.CpuUsage.TotalTime;
        using var scratch = new ScratchFile();
        var model = new CompensatedModel(map, scratch);
        var chain = BlockChain.Of(model.Map, ExecutionTarget.Cpu, new ChainOptions { BatchSize = Batch });
        var seam = chain.RunPrelude(set);
        for (var place = 0; place < model.Map.Count; place++)
        {
            ResidualWriter[] writers = [.. model.Writers(place).Writers];
            var equations = writers.Select(
                (w, i) => sums == 2 || (sums == 1 && place % 4 == 3 && i == writers.Length - 1)
                    ? new NormalEquations(w.Inputs, w.Outputs)
                    : null).ToArray();
            var part = model.Part(model.Model, place).Tapping([.. writers.Select(w => w.Features)]);
            var goal = new float[set.Length * writers[0].Outputs];
            var next = chain.RunBlock(part, seam, (tap, first, count, values) =>
            {
                for (var i = 0; i < count; i++) equations[tap]?.Add(values.Slice(values.Length / count * i, values.Length / count), goal);
            });
            seam.Dispose();
            seam = next;
        }

        seam.Dispose();
        return (Environment.CpuUsage.TotalTime - before).TotalSeconds;
    }

    private static Row Compare(string name, string model, int samples, int length, int rounds)
    {
        var random = new Random(1);
        int[][] tokens = [.. Enumerable.Range(0, samples).Select(_ => Enumerable.Range(0, length).Select(_ => random.Next(500)).ToArray())];
        var set = new CalibrationSet([.. tokens], length, "random ids", "");
        var map = BlockDetector.Detect(OnnxModel.Load(model));
        var runner = Runner.Whole(new RunningOptions { BatchSize = Batch });
        var (taps, plain) = (new List<double>(), new List<double>());
        for (var round = 0; round <= rounds; round++)
        {
            var tapped = Measured.Time(() => runner.Pooled(map, set, Pooling.Mean, NoProgress.Instance));
            var forward = Measured.Time(() => Plain(map, model, set));
            if (round == 0) continue; // the first fills the page cache for both
            taps.Add(tapped);
            plain.Add(forward);
        }

        var (ours, rival) = (Measured.MedianOf([.. taps]), Measured.MedianOf([.. plain]));
        return new Row(
            $"{name}: calibration through taps, {samples} x {length} tokens, {Batch} at once, median of {rounds}",
            $"{ours:0.00} s",
            $"one plain forward, logits left in place: {rival:0.00} s",
            $"{ours / rival:0.00}",
            "at most 1.15 times",
            ours <= 1.15 * rival);
    }

    /// <summary>The model's own file in a session with default options; every batch asks for the logits alone.</summary>
    public static void Plain(BlockMap map, string model, CalibrationSet set)
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
