using System.Text.Json;
using OnnxMka.Jobs;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Reporting;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Merging;
using OnnxMka.Steps.Reaching;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Reporting;

/// <summary>Every way to say how much goes, with a report of every format.</summary>
public sealed class AmountReportTests
{
    public static TheoryData<string, string> Pairs
    {
        get
        {
            var all = new TheoryData<string, string>();
            foreach (var amount in new[] { "--ratio", "--layers-removed", "--blocks", "--plan", "--target-size", "--max-ppl-increase" })
                foreach (var format in new[] { ".json", ".md", ".html" }) all.Add(amount, format);
            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void A_report_is_written(string amount, string format)
    {
        using var folder = new TempFolder();
        var options = SmallDecoder.Write(SmallDecoder.Map, folder.FullPath) with { Output = new() { DryRun = true } };
        var tail = new Drop { Select = "tail" };
        var bytes = new FileInfo(folder["model.onnx"]).Length;
        options = amount switch
        {
            "--ratio" => options.With(tail with { Ratio = 0.34 }),
            "--layers-removed" => options.With(tail with { Count = 2 }),
            "--blocks" => options.With(new Drop { Blocks = ["4", "3"] }),
            "--plan" => options.With(PlannedStep.Of(Tail(folder["model.onnx"]))),
            // Both try several numbers of blocks.
            "--target-size" => options.With(new Reach { Bytes = bytes * 3 / 4, Steps = [tail] }),
            _ => options.With(new Reach { MaxIncrease = 10, Steps = [tail] }),
        };
        var stages = new Counted();
        var result = Compressor.Run(options, stages);
        var json = ReportJson.Write(result, options);
        var text = format switch { ".md" => MarkdownReport.Of(json), ".html" => HtmlReport.Of(json), _ => json };
        Assert.NotEmpty(text);
        using var report = JsonDocument.Parse(json);
        // One sum a stage, however often it ran.
        Assert.Equal(result.Timings.Select(t => t.Stage), report.RootElement.GetProperty("seconds").EnumerateObject().Select(s => s.Name));
        Assert.Equal(result.Timings.Select(t => t.Stage).Distinct(), result.Timings.Select(t => t.Stage));
        Assert.Equal(amount is "--target-size" or "--max-ppl-increase", stages.Notes > 0);
    }

    [Fact]
    public void The_time_of_a_stage_is_the_sum_of_its_runs()
    {
        var clock = new StageClock();
        clock.Time("a", () => Pause(30));
        clock.Time("b", () => Pause(0));
        clock.Time("a", () => Pause(30));
        Assert.Equal(["a", "b"], clock.Times.Select(t => t.Stage));
        Assert.InRange(clock.Times[0].Seconds, 0.06, 10);

        static int Pause(int milliseconds)
        {
            Thread.Sleep(milliseconds);
            return 0;
        }
    }

    [Fact]
    public void The_command_writes_it()
    {
        using var folder = new TempFolder();
        var result = ToolProcess.Run(
            Books16.Folder,
            folder["out"],
            "--target-size",
            "11MB",
            "--method",
            "drop",
            "--order",
            "tail",
            "--report",
            folder["r.md"],
            "--report",
            folder["r.json"],
            "--dry-run",
            "--quiet");
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.True(File.Exists(folder["r.md"]) && File.Exists(folder["r.json"]));
    }

    private static MergePlan Tail(string path) => MergePlanner.Plan(
        SmallDecoder.Map,
        null,
        new PlanOptions { Method = Method.Drop, Order = Order.Tail, Count = 2 },
        Fingerprint.Of(OnnxMka.Graph.OnnxModel.Load(path)));

    private sealed class Counted : IProgressSink
    {
        public int Notes { get; private set; }

        public IStage Begin(string name, long total, string unit) => NoProgress.Instance;

        public void Note(string text) => Notes++;
    }
}
