using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using OnnxMka.Emission;
using OnnxMka.Inputs;
using OnnxMka.Jobs;
using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Reporting;
using OnnxMka.Running.Tokens;
using OnnxMka.Selection;
using OnnxMka.Sweeping;
using Spectre.Console;

namespace OnnxMka.Cli.Verbs;

/// <summary><c>onnx-mka sweep MODEL --ratios 0.1:0.5:0.1 --methods mka,drop -o DIR</c>: what each ratio would cost.</summary>
internal sealed class SweepVerb
{
    private readonly Argument<string> _model = new("model") { Description = "ONNX decoder: a file or folder" };
    private readonly Option<string> _ratios =
        new("--ratios") { Description = "first:last:step, or a list such as 0.1,0.25", DefaultValueFactory = _ => "0.1:0.5:0.1" };
    private readonly Option<string> _methods = new("--methods")
    {
        Description = "mka, drop, each with a selection and a correction where wanted: mka,drop,drop:bi,drop:bi+refit",
        DefaultValueFactory = _ => "mka,drop",
    };
    private readonly Option<Order> _order = ChoiceOption.Of<Order>(
        "--order", "similarity takes the most similar neighbours, tail the last");
    private readonly Option<int> _protectFirst =
        new("--protect-first") { Description = "Blocks at the start that stay as they are", DefaultValueFactory = _ => 1 };
    private readonly Option<int> _protectLast =
        new("--protect-last") { Description = "Blocks at the end that stay as they are", DefaultValueFactory = _ => 1 };
    private readonly Option<string?> _limit = new("--max-ppl-increase")
    {
        Description = "Write the smallest model whose perplexity rises by no more than this, such as 10%; exit code 5 where none is",
    };
    private readonly Option<DirectoryInfo> _output =
        new("-o", "--output") { Description = "Folder for reports, plans and the picked model", Required = true };
    private readonly Option<FileInfo?> _analysis = new("--analysis") { Description = "Similarities from: onnx-mka score MODEL -o FILE" };
    private readonly Option<int> _evalSamples =
        new("--eval-samples") { Description = "Windows of held-back text to measure perplexity on", DefaultValueFactory = _ => 128 };
    private readonly Option<FileInfo[]> _report = new("--report")
    {
        Description = "More reports: .html, .json, .md (sweep.html, sweep.json and sweep.md are always written)",
        DefaultValueFactory = _ => [],
    };
    private readonly Option<bool> _force = new("--force") { Description = "Overwrite existing output" };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "No progress" };
    private readonly CalibrationFlags _calibration = new();

    public static Command Create()
    {
        var verb = new SweepVerb();
        var command = new Command("sweep", "Try many ratios and methods with one calibration; table, curve, Pareto front")
        {
            verb._model,
            verb._ratios,
            verb._methods,
            verb._order,
            verb._protectFirst,
            verb._protectLast,
            verb._limit,
            verb._output,
            verb._analysis,
            verb._evalSamples,
            verb._report,
            verb._force,
            verb._quiet,
        };
        foreach (var option in verb._calibration.All) command.Add(option);
        command.SetAction((parsed, ct) => Task.Run(() => ErrorLines.Run(() => verb.Run(parsed, ct)), CancellationToken.None));
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken ct)
    {
        var sweep = new SweepOptions(
            Ratios(parsed.GetValue(_ratios)!),
            Methods(parsed.GetValue(_methods)!),
            UsageRange.Share(parsed.GetValue(_limit), "--max-ppl-increase"))
        {
            Select = parsed.GetValue(_order) == Order.Tail ? "tail" : null,
            ProtectFirst = UsageRange.AtLeast(parsed.GetValue(_protectFirst), 0, "--protect-first"),
            ProtectLast = UsageRange.AtLeast(parsed.GetValue(_protectLast), 0, "--protect-last"),
        };
        var folder = parsed.GetValue(_output)!.FullName;
        FileInfo[] reports =
        [
            .. new[] { "sweep.html", "sweep.json", "sweep.md" }.Select(n => new FileInfo(Path.Combine(folder, n))),
            .. parsed.GetValue(_report)!,
        ];
        ReportFiles.Check(reports);
        var options = Options(parsed);
        // What is in the way of the picked model is said before the work, not after it.
        var model = Path.Combine(folder, "model");
        if (sweep.MaxIncrease is not null) OutputTarget.For(ModelLocation.Find(options.Input), model, options.Output.Force);
        Files(options, folder, reports, parsed.GetValue(_analysis), sweep.MaxIncrease is not null).ReadsModel(options.Input).Check();
        var progress = ConsoleProgress.For(parsed.GetValue(_quiet));
        if (options.Running.Target.Note is { } note) progress.Note(note);
        var result = Sweep.Run(options, sweep, progress, ct);
        foreach (var point in result.Points)
        {
            TextFile.Write(
                new FileInfo(Path.Combine(folder, "plans", $"{point.Way.Name.Replace(':', '-').Replace('+', '-')}-{point.Removed}.json")),
                PlanJson.Write(point.Plan));
        }

        TextFile.Write(new FileInfo(Path.Combine(folder, "analysis.json")), result.Analysis.ToJson());
        ReportFiles.Write(reports, SweepJson.Write(result, options, sweep));
        var emitted = result.Picked is { } picked ? Emit(picked, options, model, progress, ct) : null;
        StandardStreams.Print(() =>
        {
            Print(result, sweep);
            if (emitted is not null) ResultTables.Files(ResultTables.Stdout(), emitted);
        });
        if (sweep.MaxIncrease is not { } most || result.Picked is not null) return ExitCode.Done;
        return ErrorLines.Say(
            $"No plan keeps the perplexity within +{most:0.##%}: "
                + $"{(result.Points.Min(p => p.Increase) is { } least ? $"the best is +{least:0.##%}" : "none has a finite one")}. "
                + "Nothing was written but the reports.",
            ExitCode.QualityGateMissed);
    }

    private CompressionOptions Options(ParseResult parsed) => _calibration.Apply(parsed, new CompressionOptions
    {
        Input = parsed.GetValue(_model)!,
        Recipe = new()
        {
            Calibration = new() { HeldBackSamples = UsageRange.AtLeast(parsed.GetValue(_evalSamples), 1, "--eval-samples") },
            Scoring = new() { Analysis = parsed.GetValue(_analysis) is { } a ? Scoring.Analysis.FromJson(TextFile.Read(a), a.Name) : null },
        },
        Output = new() { Force = parsed.GetValue(_force) },
    });

    private static NamedFiles Files(CompressionOptions options, string folder, FileInfo[] reports, FileInfo? analysis, bool picks)
    {
        var files = options.Output.Files
            .Reads("--analysis", analysis?.ToString())
            .Writes("--output", Path.Combine(folder, "analysis.json"))
            .WritesBelow("--output", Path.Combine(folder, "plans"));
        return ReportFiles.Named(picks ? files.WritesBelow("--output", Path.Combine(folder, "model")) : files, reports);
    }

    private static CompressionResult Emit(
        SweepPoint picked, CompressionOptions options, string folder, IProgressSink progress, CancellationToken ct)
    {
        try
        {
            var text = options.Recipe.Calibration;
            var recipe = options.Recipe with
            {
                Steps = picked.Steps,
                Calibration = text with { Samples = text.Samples ?? CalibrationOptions.Usual }, // that it was tried on
                Scoring = options.Recipe.Scoring with { Analysis = null },
            };
            return Compressor.Run(
                options with { Output = options.Output with { Path = folder }, Recipe = recipe, Evaluate = false }, progress, ct);
        }
        catch (OperationCanceledException e)
        {
            throw new InterruptedException("the reports and plans are written, and no model", e);
        }
    }

    private static void Print(SweepResult result, SweepOptions sweep)
    {
        var console = ResultTables.Stdout();
        var table = ResultTables.Table("method", "ratio", "blocks", "bytes", "perplexity", "increase", "speed", "Pareto front");
        table.AddRow(
            "original",
            "0",
            result.Blocks.Count.ToString(),
            Sizes.Text(result.OriginalBytes),
            result.Original.Value.ToString("0.00"),
            "",
            "x1.00",
            "");
        foreach (var p in result.Points)
        {
            var front = string.Join(
                ", ", new[] { (p.OnSizeFront, "size"), (p.OnSpeedFront, "speed") }.Where(f => f.Item1).Select(f => f.Item2));
            table.AddRow(
                p.Way.Name,
                p.Ratio.ToString("0.###"),
                p.Plan.Groups.Length.ToString(),
                Sizes.Text(p.Bytes),
                p.Perplexity.Value.ToString("0.00"),
                p.Increase?.ToString("+0.0%;-0.0%") ?? "-",
                $"x{p.Speedup:0.00}",
                front);
        }

        console.Write(table);
        console.MarkupLineInterpolated(
            $"perplexity: {result.Windows} windows of {result.WindowLength} tokens, {result.Text}, never used for calibration");
        if (result.OriginalSpeed is { } speed)
        {
            var original = $"{(speed.Decode is null ? "prefill" : "decoding")} against the original's {speed.Bound.Median:N0} tokens/s";
            console.MarkupLineInterpolated($"speed: {original}, medians of {Speed.Rounds} runs in turns, once for each size");
        }
        if (result.Picked is { } picked)
        {
            console.MarkupLineInterpolated(
                $"picked: {picked.Way.Name} {picked.Ratio:0.###}, the smallest within +{sweep.MaxIncrease:0.##%}");
        }
    }

    private static ImmutableArray<double> Ratios(string text)
    {
        var range = text.Split(':');
        var numbers = (range.Length == 3 ? range : text.Split(',')).Select(
            t => double.TryParse(t, NumberStyles.Float, CultureInfo.InvariantCulture, out var v) ? v : double.NaN).ToArray();
        if (range.Length is 2 or > 3
            || Array.Exists(numbers, v => !(v >= 0 && v < 1))
            || (range.Length == 3 && (numbers[2] <= 0 || numbers[1] < numbers[0])))
        {
            throw new UsageException(
                $"--ratios {text}: give first:last:step or a list, each at least 0 and less than 1, such as 0.1:0.5:0.1.");
        }

        return range.Length == 3 ? SweepOptions.Range(numbers[0], numbers[1], numbers[2]) : [.. numbers.Order()];
    }

    private static ImmutableArray<SweepMethod> Methods(string text) => [.. text.Split(',', StringSplitOptions.TrimEntries).Select(t =>
        SweepMethod.Parse(t, Selectors.BuiltIn)
            ?? throw new UsageException(
                $"--methods {text}: '{t}' is none of mka, drop, with :SELECTION and +CORRECTION where wanted, such as drop:bi+refit."))];
}
