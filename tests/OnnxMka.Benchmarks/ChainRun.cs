using OnnxMka.Graph;
using OnnxMka.Structure;

namespace OnnxMka.Benchmarks;

/// <summary>Calibration one block at a time against the whole model, of a model whose memory shows.</summary>
internal static class ChainRun
{
    private const int Samples = 40;
    private const int Length = 32;

    public static IEnumerable<Row> Run(string work, string shape)
    {
        var model = BigModel.Make(work, shape);
        var ids = Path.Combine(work, "ids.jsonl");
        var random = new Random(1);
        File.WriteAllLines(
            ids,
            Enumerable.Range(0, Samples).Select(_ => $"[{string.Join(',', Enumerable.Range(0, Length).Select(_ => random.Next(1000)))}]"));
        Measured Score(string run) => Measured.Process(
            Path.Combine(AppContext.BaseDirectory, "onnx-mka"),
            "score",
            model,
            "--calib-ids",
            ids,
            "--calib-samples",
            "32",
            "--seq-len",
            $"{Length}",
            "--batch-size",
            "4",
            "--run",
            run,
            "--json",
            "--quiet");
        var whole = Score("whole");
        var chain = Score("chain");
        var map = BlockDetector.Detect(OnnxModel.Load(Path.Combine(model, "model.onnx")));
        // fp16 weights are held as fp32 on the CPU; that is what two blocks weigh in the runtime.
        var block = map.Blocks.Max(map.ParameterCount) * 4 / 1e6;
        var seams = 32.0 * Length * 2048 * 2 / 1e6;
        var bar = (2 * block) + seams + 500;
        yield return new Row(
            $"{shape}: chain calibration, 32 x {Length} tokens",
            $"{chain.Seconds:0.0} s",
            $"whole model {whole.Seconds:0.0} s",
            $"{chain.Seconds / whole.Seconds:0.00}",
            "at most 1.5 times",
            chain.Seconds <= 1.5 * whole.Seconds);
        yield return new Row(
            $"{shape}: chain calibration, peak memory",
            $"{chain.PeakMegabytes:0} MB",
            $"whole model {whole.PeakMegabytes:0} MB",
            $"{chain.PeakMegabytes / whole.PeakMegabytes:0.00}",
            $"at most 2 blocks + seams + 500 MB = {bar:0} MB",
            chain.PeakMegabytes <= bar);
        var equal = whole.Output == chain.Output;
        yield return new Row(
            $"{shape}: chain and whole give the same similarities",
            equal ? "equal bytes" : "equal to float rounding of fp16 seams",
            "",
            "",
            null,
            null);
    }
}
