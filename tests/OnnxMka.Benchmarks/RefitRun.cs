using System.Text.Json;
using OnnxMka.Graph;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Benchmarks;

/// <summary>
/// Blocks dropped and what is left refitted, one block at a time, at the widths that people have, against plain forward passes.
/// </summary>
internal static class RefitRun
{
    private const int Samples = 32;
    private const int HeldBack = 8; // rows that evaluation keeps for itself
    private const int Length = 64;
    private const int Forwards = 3;

    public static IEnumerable<Row> Run(string work, string shape)
    {
        var model = BigModel.Make(work, shape);
        var (ids, output, report) = (Path.Combine(work, "ids.jsonl"), Path.Combine(work, "refitted"), Path.Combine(work, "refitted.json"));
        var random = new Random(1);
        int[][] tokens =
        [
            .. Enumerable.Range(0, Samples + HeldBack).Select(_ => Enumerable.Range(0, Length).Select(_ => random.Next(1000)).ToArray()),
        ];
        File.WriteAllLines(ids, tokens.Select(t => $"[{string.Join(',', t)}]"));
        var refit = Measured.Process(
            Path.Combine(AppContext.BaseDirectory, "onnx-mka"),
            model,
            output,
            "--layers-removed",
            "3",
            "--method",
            "drop",
            "--select",
            "bi",
            "--compensate",
            "refit",
            "--run",
            "chain",
            "--memory",
            "3GB",
            "--no-eval",
            "--calib-ids",
            ids,
            "--calib-samples",
            $"{Samples}",
            "--seq-len",
            $"{Length}",
            "--report", report, "--force", "--quiet");
        var map = BlockDetector.Detect(OnnxModel.Load(Path.Combine(model, "model.onnx")));
        var set = new CalibrationSet([.. tokens.Take(Samples)], Length, "random ids", "");
        var forward = Measured.Time(() => Calibrating.Plain(map, Path.Combine(model, "model.onnx"), set));
        var bar = (2.5 * Forwards * forward) + 120;
        yield return new Row(
            $"{shape}: 3 blocks dropped, refit, chain, {Samples} x {Length} tokens",
            $"{refit.Seconds:0} s",
            $"a plain forward pass of the same tokens {forward:0.0} s",
            $"{refit.Seconds / forward:0.0} passes",
            $"at most 2.5 times {Forwards} passes + 120 s = {bar:0} s",
            refit.Seconds <= bar);
        // fp16 weights are held as fp32 on the CPU; that is what two blocks weigh in the runtime.
        var block = map.Blocks.Max(map.ParameterCount) * 4 / 1e6;
        var sums = map.Blocks.SelectMany(b => b.Parameters).Select(p => map.Tensor(p.Initializer).Shape).Where(s => s.Length == 2)
            .Max(s => (double)s[0] * s[0] * sizeof(double)) / 1e6;
        yield return new Row(
            $"{shape}: the same, peak memory",
            $"{refit.PeakMegabytes:0} MB",
            "",
            "",
            $"at most 2 blocks + equations + 1 GB = {(2 * block) + sums + 1000:0} MB",
            refit.PeakMegabytes <= (2 * block) + sums + 1000);
        foreach (var (stage, seconds) in Stages(report))
            yield return new Row($"{shape}: the same, {stage}", $"{seconds:0.0} s", "", "", null, null);
        Directory.Delete(output, recursive: true);
    }

    /// <summary>Where the time went, as the report tells it.</summary>
    private static IEnumerable<(string Stage, double Seconds)> Stages(string report)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(report));
        foreach (var stage in json.RootElement.GetProperty("seconds").EnumerateObject()) yield return (stage.Name, stage.Value.GetDouble());
    }
}
