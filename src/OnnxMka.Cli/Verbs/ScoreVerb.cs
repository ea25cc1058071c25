using System.CommandLine;
using OnnxMka.Cards;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Jobs;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Reporting;
using OnnxMka.Running.Activations.Files;
using OnnxMka.Running.Parts;
using OnnxMka.Scoring;
using OnnxMka.Structure;
using Spectre.Console;

namespace OnnxMka.Cli.Verbs;

/// <summary><c>onnx-mka score MODEL</c>, or <c>score --activations FILE</c>: similarities alone.</summary>
internal sealed class ScoreVerb
{
    private readonly Argument<string?> _model =
        new("model") { Description = "ONNX decoder: a file or folder", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string?> _activations =
        new("--activations") { Description = "Pooled activations [L, N, H] captured elsewhere (.safetensors, .npz, .npy)" };
    private readonly Option<FileInfo?> _output = new("-o", "--output") { Description = "Write the analysis (.json), for --analysis" };
    private readonly Option<FileInfo[]> _report =
        new("--report") { Description = "Write a report (.html, .json, .md; may be repeated)", DefaultValueFactory = _ => [] };
    private readonly Option<int?> _count = new("--layers-removed") { Description = "Blocks that --prune-list and --mergekit leave out" };
    private readonly Option<FileInfo?> _pruneList =
        new("--prune-list") { Description = "Write their numbers, as llama-quantize --prune-layers takes them (.txt)" };
    private readonly Option<FileInfo?> _mergekit =
        new("--mergekit") { Description = "Write the model without them as a mergekit configuration (.yml)" };
    private readonly Option<bool> _json = new("--json") { Description = "Print JSON: npib, sigma, eigenvalues" };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "No progress" };
    private readonly CalibrationFlags _calibration = new();

    public static Command Create()
    {
        var verb = new ScoreVerb();
        var command = new Command("score", "Show how similar the blocks are (NPIB on diffusion maps)")
        {
            verb._model,
            verb._activations,
            verb._output,
            verb._report,
            verb._count,
            verb._pruneList,
            verb._mergekit,
            verb._json,
            verb._quiet,
        };
        foreach (var option in verb._calibration.All) command.Add(option);
        command.SetAction((parsed, ct) => Task.Run(() => ErrorLines.Run(() => verb.Run(parsed, ct)), CancellationToken.None));
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken ct)
    {
        var (model, activations) = (parsed.GetValue(_model), parsed.GetValue(_activations));
        if ((model is null) == (activations is null)) throw new UsageException("Give a model, or --activations FILE.");
        var options = _calibration.Apply(parsed, new CompressionOptions { Input = model ?? activations!, Recipe = new() });
        ReportFiles.Check(parsed.GetValue(_report)!);
        var (list, mergekit) = (parsed.GetValue(_pruneList), parsed.GetValue(_mergekit));
        if ((parsed.GetValue(_count) is null) != (list is null && mergekit is null))
            throw new UsageException("--layers-removed N goes with --prune-list FILE or --mergekit FILE.");
        var count = UsageRange.AtLeast(parsed.GetValue(_count) ?? 0, 0, "--layers-removed");
        TextFile.CheckWritable(parsed.GetValue(_output), list, mergekit);
        var files = options.Output.Files
            .Reads("--activations", activations)
            .Writes("--output", parsed.GetValue(_output)?.ToString())
            .Writes("--prune-list", list?.ToString())
            .Writes("--mergekit", mergekit?.ToString());
        ReportFiles.Named(files, parsed.GetValue(_report)!).ReadsModel(model).Check();
        var progress = ConsoleProgress.For(parsed.GetValue(_quiet));
        var analysis = model is not null ? OfModel(model, options, progress, ct) : OfActivations(activations!, options, progress, ct);
        if (parsed.GetValue(_output) is { } file) TextFile.Write(file, analysis.ToJson());
        ReportFiles.Write(parsed.GetValue(_report)!, AnalysisReport.Write(analysis, model ?? activations!));
        var plan = MergePlanner.Drop(analysis.Npib, count, analysis.Fingerprint);
        if (list is not null) TextFile.Write(list, PruneList.Write(plan));
        if (mergekit is not null) TextFile.Write(mergekit, MergekitYaml.Write(plan, null));
        StandardStreams.Print(() =>
        {
            if (parsed.GetValue(_json)) Console.Write(AnalysisReport.Scores(analysis));
            else Print(analysis);
        });
        return ExitCode.Done;
    }

    private static Analysis OfModel(string path, CompressionOptions options, IProgressSink progress, CancellationToken ct)
    {
        var location = ModelLocation.Find(path);
        var map = BlockDetector.Detect(OnnxModel.Load(location.ModelPath));
        if (options.Running.Target.Note is { } note) progress.Note(note);
        using var texts = JobTexts.Of(options, map, ct);
        var runner = Runner.For(map, texts.Calibration, options.Running);
        return ModelScoring.Run(
            runner, map, texts.Calibration, options.Recipe.Scoring, Fingerprint.Of(map.Model), progress, ct, new StageClock());
    }

    private static Analysis OfActivations(string path, CompressionOptions options, IProgressSink progress, CancellationToken ct)
    {
        var seams = ActivationFile.Read(path);
        var (npib, embeddings) = Scorer.Score(
            seams, options.Recipe.Scoring.Alignment, options.Recipe.Scoring.Kernels(progress.Note), progress, ct);
        return new Analysis(
            "",
            npib,
            [.. embeddings.Select(e => e.Sigma)],
            [.. embeddings.Select(e => e.Eigenvalues)],
            seams[0].Samples,
            0,
            Path.GetFileName(path),
            "",
            "")
        {
            Embeddings = embeddings,
            Seams = [.. SeamStatistics.Of(seams)],
        };
    }

    private static void Print(Analysis analysis)
    {
        var console = ResultTables.Stdout();
        var table = ResultTables.Table("seam", "sigma", "lambda 1", "lambda 2", "NPIB with the next");
        for (var i = 0; i < analysis.Npib.Count; i++)
        {
            table.AddRow(
                i.ToString(),
                analysis.Sigma[i].ToString("g5"),
                analysis.Eigenvalues[i][1].ToString("0.0000"),
                analysis.Eigenvalues[i].Length > 2 ? analysis.Eigenvalues[i][2].ToString("0.0000") : "-",
                i + 1 < analysis.Npib.Count ? analysis.Npib[i, i + 1].ToString("0.0000") : "");
        }

        HeatMap.Print(console, analysis.Npib, []);
        console.Write(table);
        var order = string.Join(", ", MergePlanner.RemovalOrder(analysis.Npib));
        console.MarkupLineInterpolated(
            $"removed first, most similar neighbours first: {order} (--layers-removed N --prune-list FILE writes the first N)");
    }
}
