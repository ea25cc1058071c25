using System.Text.Json;
using OnnxMka.Measuring;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Tokens;
using OnnxMka.Selection;
using OnnxMka.Sweeping;

namespace OnnxMka.Tests.Sweeping;

/// <summary>Many plans from one calibration, and the gate on them.</summary>
public sealed class SweepTests
{
    [Fact]
    public void A_range_ends_where_it_says() => Assert.Equal([0.1, 0.2, 0.3, 0.4, 0.5], SweepOptions.Range(0.1, 0.5, 0.1).AsEnumerable());

    [Fact]
    public void The_front_is_what_nothing_beats()
    {
        // bytes, nll, speed: 2 is beaten by 1 in perplexity (a byte is no size), 3 by 4; 5 is as small as 1 and worse, and faster than it.
        var points = Sweep.Front(
            [Point(10_000, 3.0, 1.1), Point(9_999, 3.1, 1.1), Point(8_000, 3.5, 1.4), Point(8_000, 3.2, 1.4), Point(10_000, 3.15, 1.2)]);
        Assert.Equal([true, false, false, true, false], points.Select(p => p.OnSizeFront));
        Assert.Equal([true, false, false, true, true], points.Select(p => p.OnSpeedFront));
    }

    [Theory]
    [InlineData("mka", Method.Mka, null, null)]
    [InlineData("drop:bi", Method.Drop, "bi", null)]
    [InlineData("drop:greedy-loss+refit", Method.Drop, "greedy-loss", "refit")]
    [InlineData("drop+fold", Method.Drop, null, "fold")]
    public void A_way_is_written_as_it_is_read(string text, Method method, string? select, string? correction)
    {
        var way = SweepMethod.Parse(text, Selectors.BuiltIn);
        Assert.Equal(new SweepMethod(method, select, correction), way);
        Assert.Equal(text, way!.Name);
    }

    [Theory]
    [InlineData("best")]
    [InlineData("0")]
    [InlineData("drop:")]
    [InlineData("drop:nothing")]
    [InlineData("drop+")]
    [InlineData("drop+7")]
    [InlineData("")]
    public void What_is_no_way_is_none(string text) => Assert.Null(SweepMethod.Parse(text, Selectors.BuiltIn));

    /// <summary>Perplexities as with the whole model at once, to the rounding of fp32, and no speed: nothing is loaded whole.</summary>
    [Fact]
    public void A_sweep_runs_as_it_is_told()
    {
        using var folder = new TempFolder();
        var options = SmallDecoder.Write(SmallDecoder.Map, folder.FullPath);
        var sweep = new SweepOptions([0.34], [new SweepMethod(Method.Drop)], null);
        var whole = Sweep.Run(options, sweep);
        var chain = Sweep.Run(options with { Running = new() { Mode = RunMode.Chain } }, sweep);
        Assert.NotNull(whole.OriginalSpeed);
        Assert.Null(chain.OriginalSpeed);
        Assert.Equal(1, chain.Points[0].Speedup);
        Assert.Equal(whole.Points[0].Plan.Removed, chain.Points[0].Plan.Removed);
        Assert.Equal(whole.Points[0].Perplexity.MeanNll, chain.Points[0].Perplexity.MeanNll, 1e-4);
        Assert.NotEqual(whole.Original.MeanNll, chain.Points[0].Perplexity.MeanNll, 1e-4);
    }

    [Fact]
    public void The_picked_model_is_the_one_that_was_measured()
    {
        // A selection and a correction: the emitted model must have the perplexity that the table says, though it is made anew.
        using var folder = new TempFolder();
        var run = ToolProcess.Run(
            "sweep",
            Books16.Folder,
            "--ratios",
            "0.125",
            "--methods",
            "drop:bi+fold",
            "--calib-samples",
            "32",
            "--seq-len",
            "64",
            "--eval-samples",
            "32",
            "--max-ppl-increase",
            "50%",
            "-o",
            folder["s"],
            "--ep",
            "cpu",
            "--quiet");
        Assert.Equal((0, ""), (run.ExitCode, run.Errors));
        using var report = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder["s"], "sweep.json")));
        var point = Assert.Single(report.RootElement.GetProperty("points").EnumerateArray());
        var calibration = new CalibrationOptions { Length = 64, HeldBackSamples = 32 };
        var model = Path.Combine(folder["s"], "model", "model.onnx");
        using var texts = new Texts(calibration, Books16.ModelPath);
        var measured = Perplexity.Measure(
            Runners.Whole(8), OnnxMka.Structure.BlockDetector.Detect(Graph.OnnxModel.Load(model)), texts.HeldBack!);
        // The same float32 weights, sums and windows: equal to the last bits of a mean of 2,016 tokens.
        Assert.Equal(point.GetProperty("perplexity").GetProperty("meanNll").GetDouble(), measured.MeanNll, 1e-6);
        var plain = ModelRewriter.Apply(
            Books16.Map, PlanJson.Read(File.ReadAllText(Path.Combine(folder["s"], "plans", "drop-bi-fold-2.json")), "plan"));
        Assert.NotEqual(measured.MeanNll, Perplexity.Measure(Runners.Whole(8), plain.Blocks, texts.HeldBack!).MeanNll, 1e-4);
    }

    [Fact]
    public void The_gate_picks_the_smallest_or_ends_with_5()
    {
        using var folder = new TempFolder();
        string[] common = ["sweep", Books16.Folder, "--calib-samples", "48", "--eval-samples", "32", "--ep", "cpu", "--quiet"];
        var passed = ToolProcess.Run([.. common, "--ratios", "0.1,0.5", "-o", folder["a"], "--max-ppl-increase", "60%"]);
        Assert.Equal((0, ""), (passed.ExitCode, passed.Errors));
        using var report = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder["a"], "sweep.json")));
        var points = report.RootElement.GetProperty("points").EnumerateArray().ToArray();
        Assert.Equal(4, points.Length);
        var within = points.Where(p => p.GetProperty("increase").GetDouble() <= 0.6).ToArray();
        var picked = points.Single(p => p.GetProperty("picked").GetBoolean());
        Assert.Equal(within.Min(p => p.GetProperty("bytes").GetInt64()), picked.GetProperty("bytes").GetInt64());
        var model = OnnxMka.Structure.BlockDetector.Detect(Graph.OnnxModel.Load(Path.Combine(folder["a"], "model", "model.onnx")));
        Assert.Equal(picked.GetProperty("blocks").GetInt32(), model.Count);
        Assert.All(new[] { "sweep.html", "sweep.md", "analysis.json" }, f => Assert.True(File.Exists(Path.Combine(folder["a"], f))));

        var missed = ToolProcess.Run(
            [
                .. common, "--ratios", "0.5", "-o", folder["b"], "--max-ppl-increase", "1%", "--run", "chain",
                "--analysis", Path.Combine(folder["a"], "analysis.json"),
            ]);
        Assert.Equal(5, missed.ExitCode);
        Assert.Contains("No plan keeps the perplexity within +1%", Assert.Single(missed.ErrorLines), StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(folder["b"], "model")));
    }

    [Theory]
    [InlineData("--ratios 0.5:0.1:0.1", "--ratios", "0.5:0.1:0.1")]
    [InlineData("--ratios 1", "--ratios", "1")]
    [InlineData("'none' is none of", "--methods", "mka,none")]
    [InlineData("'best' is none of", "--methods", "best")]
    [InlineData("--max-ppl-increase x", "--max-ppl-increase", "x")]
    [InlineData("the known formats are", "--report", "r.pdf")]
    public void A_wrong_command_line_ends_with_2(string message, params string[] arguments)
    {
        var result = ToolProcess.Run(["sweep", Books16.Folder, "-o", "nowhere", .. arguments]);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }

    private static SweepPoint Point(long bytes, double nll, double speed) =>
        new(
            new SweepMethod(Method.Drop),
            0.1,
            new MergePlan("", Method.Drop, Order.Tail, 4, [], [], []),
            [],
            bytes,
            new Perplexity(1, nll, 1),
            0,
            speed,
            false,
            false);
}
