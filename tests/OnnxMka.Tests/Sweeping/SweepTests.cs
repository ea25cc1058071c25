using System.Text.Json;
using OnnxMka.Evaluation;
using OnnxMka.Planning;
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
        // bytes, nll, speed: 2 is beaten by 1 in both; 3 and 4 are equally small, so they share the faster time.
        var points = Sweep.Front([Point(100, 3.0, 10), Point(100, 3.1, 9), Point(80, 3.5, 15), Point(80, 3.2, 14)]);
        Assert.Equal([true, false, false, true], points.Select(p => p.OnSizeFront));
        Assert.Equal([true, false, false, true], points.Select(p => p.OnSpeedFront));
        Assert.Equal([10, 10, 15, 15], points.Select(p => p.TokensPerSecond));
    }

    [Fact]
    public void The_gate_picks_the_smallest_or_ends_with_5()
    {
        using var folder = new TempFolder();
        string[] common = ["sweep", Books16.Folder, "--ratios", "0.1,0.5", "--calib-samples", "48", "--eval-samples", "32", "--ep", "cpu", "--quiet"];
        var passed = ToolProcess.Run([.. common, "-o", folder["a"], "--max-ppl-increase", "60%"]);
        Assert.Equal((0, ""), (passed.ExitCode, passed.Errors));
        using var report = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder["a"], "sweep.json")));
        var points = report.RootElement.GetProperty("points").EnumerateArray().ToArray();
        Assert.Equal(4, points.Length);
        var within = points.Where(p => p.GetProperty("increase").GetDouble() <= 0.6).ToArray();
        var picked = points.Single(p => p.GetProperty("picked").GetBoolean());
        Assert.Equal(within.Min(p => p.GetProperty("bytes").GetInt64()), picked.GetProperty("bytes").GetInt64());
        var model = OnnxMka.Blocks.BlockDetector.Detect(Graph.OnnxModel.Load(Path.Combine(folder["a"], "model", "model.onnx")));
        Assert.Equal(picked.GetProperty("blocks").GetInt32(), model.Count);
        Assert.All(new[] { "sweep.html", "sweep.md", "analysis.json" }, f => Assert.True(File.Exists(Path.Combine(folder["a"], f))));

        var missed = ToolProcess.Run([.. common, "-o", folder["b"], "--max-ppl-increase", "1%", "--analysis", Path.Combine(folder["a"], "analysis.json")]);
        Assert.Equal(5, missed.ExitCode);
        Assert.Contains("No plan keeps the perplexity within +1%", Assert.Single(missed.ErrorLines), StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(folder["b"], "model")));
    }

    [Theory]
    [InlineData("--ratios 0.5:0.1:0.1", "--ratios", "0.5:0.1:0.1")]
    [InlineData("--ratios 1", "--ratios", "1")]
    [InlineData("'none' is none of", "--methods", "mka,none")]
    [InlineData("--max-ppl-increase x", "--max-ppl-increase", "x")]
    [InlineData("the known formats are", "--report", "r.pdf")]
    public void A_wrong_command_line_ends_with_2(string message, params string[] arguments)
    {
        var result = ToolProcess.Run(["sweep", Books16.Folder, "-o", "nowhere", .. arguments]);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }

    private static SweepPoint Point(long bytes, double nll, double speed) =>
        new(0.1, new MergePlan("", Method.Drop, Order.Tail, 4, [], [], []), bytes, new Perplexity(1, nll, 1), 0, speed, false, false);
}
