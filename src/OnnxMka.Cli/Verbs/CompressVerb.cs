using System.CommandLine;
using OnnxMka.Cards;
using OnnxMka.Emission;
using OnnxMka.Jobs;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Recipes;
using OnnxMka.Reporting;
using OnnxMka.Running.Tokens;
using OnnxMka.Steps.Correcting;

namespace OnnxMka.Cli.Verbs;

/// <summary><c>onnx-mka IN OUT --ratio 0.4</c>: the main job.</summary>
internal sealed class CompressVerb
{
    private const int ReportedSamples = 3;
    private readonly Argument<string?> _input =
        new("in") { Description = "ONNX decoder: a file, or a folder that holds one", Arity = ArgumentArity.ZeroOrOne };
    private readonly Argument<string?> _output =
        new("out") { Description = "Result: a folder, or a name that ends in .onnx", Arity = ArgumentArity.ZeroOrOne };
    private readonly RecipeFlags _recipe = new();
    private readonly CalibrationFlags _calibration = new();
    private readonly RecipeFiles _recipes = new();
    private readonly Option<FileInfo?> _analysis = new("--analysis") { Description = "Similarities from: onnx-mka score MODEL -o FILE" };
    private readonly Option<FileInfo?> _plan = new("--plan") { Description = "Plan to replay, from --plan-out" };
    private readonly Option<FileInfo[]> _report =
        new("--report") { Description = "Write a report (.html, .json, .md; may be repeated)", DefaultValueFactory = _ => [] };
    private readonly Option<FileInfo?> _planOut = new("--plan-out") { Description = "Write the plan (.json)" };
    private readonly Option<bool> _modelCard = new("--model-card")
    {
        Description = "Write a README.md with plan, cost and command (MODEL_CARD.md where a README.md exists, unless --force)",
    };
    private readonly Option<FileInfo?> _adapterMap =
        new("--adapter-map") { Description = "Write old and new layer numbers, for adapters (.json)" };
    private readonly Option<FileInfo?> _mergekit = new("--mergekit") { Description = "Write the same merge for mergekit (.yml)" };
    private readonly Option<FileInfo?> _pruneList =
        new("--prune-list") { Description = "Write the numbers of the removed layers, as llama-quantize --prune-layers takes them (.txt)" };
    private readonly Option<bool> _json = new("--json") { Description = "Print the report as JSON instead of tables" };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Plan and sizes; write no model" };
    private readonly Option<bool> _force = new("--force") { Description = "Overwrite existing output" };
    private readonly Option<bool> _noEval = new("--no-eval") { Description = "Do not measure perplexity" };
    private readonly Option<int> _evalSamples =
        new("--eval-samples") { Description = "Windows of held-back text to measure it on", DefaultValueFactory = _ => 128 };
    private readonly Option<bool> _noVerify = new("--no-verify") { Description = "Do not load and step the result" };
    private readonly Option<bool> _external = new("--external-data") { Description = "Put all weights into a data file" };
    private readonly Option<bool> _check =
        new("--check") { Description = "Read the written model again, check its graph and find its blocks anew" };
    private readonly Option<bool> _keepNames =
        new("--keep-names") { Description = "Keep old layer numbers in the names of nodes and weights" };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "No progress" };
    private readonly Option<bool> _verbose = new("-v", "--verbose") { Description = "Say more: pairs not considered, checks, timings" };

    public void AddTo(Command command)
    {
        command.Add(_input);
        command.Add(_output);
        Option[] options =
        [
            .. _recipe.All, .. _calibration.All, .. _recipes.All, _analysis, _plan,
            _report,
            _planOut,
            _modelCard,
            _adapterMap,
            _mergekit,
            _pruneList,
            _json,
            _dryRun,
            _force,
            _noEval,
            _evalSamples,
            _noVerify,
            _check,
            _external,
            _keepNames,
            _quiet,
            _verbose,
        ];
        foreach (var option in options) command.Add(option);
        command.SetAction((result, ct) => Task.Run(() => ErrorLines.Run(() => Run(result, ct)), CancellationToken.None));
    }

    private int Run(ParseResult parsed, CancellationToken ct)
    {
        var (options, locked) = Options(parsed);
        locked?.RequireInput(LockFile.Hashes(RecipeFiles.Inputs(options)));
        var progress = ConsoleProgress.For(parsed.GetValue(_quiet));
        if (options.Running.Target.Note is { } note) progress.Note(note);
        var result = Compressor.Run(options, progress, ct);
        try
        {
            WriteFiles(parsed, result, options);
            if (locked is not null && result.Emitted is { } made) Compare(locked, made, progress);
        }
        catch (OutputException e) when (result.Emitted is { } emitted)
        {
            throw new OutputException($"{e.Message} The model is finished all the same: {emitted.ModelPath}.", e);
        }

        if (!parsed.GetValue(_json)) PrintTables(result, parsed.GetValue(_verbose));
        return ExitCode.Done;
    }

    /// <summary>What was asked for beside the model.</summary>
    private void WriteFiles(ParseResult parsed, CompressionResult result, CompressionOptions options)
    {
        if (parsed.GetValue(_planOut) is { } planFile) TextFile.Write(planFile, PlanJson.Write(result.Plan));
        _recipes.Write(parsed, options.Recipe);
        _recipes.WriteLock(parsed, result, options);
        if (parsed.GetValue(_report) is { Length: > 0 } reports) ReportFiles.Write(reports, ReportJson.Write(result, options));
        if (parsed.GetValue(_adapterMap) is { } map)
            TextFile.Write(map, AdapterMap.Write(result.Lineage, result.HasEarlierRun ? result.Origin : null));
        // Checkpoints are those of the first original.
        var stored = result.Blocks.Tensor(result.Blocks.Blocks[0].Parameters[0].Initializer).Type;
        if (parsed.GetValue(_mergekit) is { } mergekit) TextFile.Write(mergekit, MergekitYaml.Write(result.Origin.Plan, stored));
        if (parsed.GetValue(_pruneList) is { } list) TextFile.Write(list, PruneList.Write(result.Origin.Plan));
        if (parsed.GetValue(_json)) StandardStreams.Print(() => Console.Write(ReportJson.Write(result, options)));
    }

    /// <summary>A model that stands is what was asked for, whether or not its tables can be shown.</summary>
    private static void PrintTables(CompressionResult result, bool verbose)
    {
        try
        {
            StandardStreams.Print(() =>
            {
                ResultTables.Print(result);
                if (verbose) Details.Print(result);
            });
        }
        catch (OutputException e) when (result.Emitted is { } emitted)
        {
            Console.Error.WriteLine($"note: {e.Message} The model is finished: {emitted.ModelPath}");
        }
    }

    /// <summary>Another processor rounds otherwise: the model is right all the same, and not the same bytes.</summary>
    private static void Compare(LockFile locked, EmittedModel made, IProgressSink progress)
    {
        if (locked.OutputDifference(LockFile.Hashes(made.Written.Files.Select(f => f.Key))) is { } name)
            progress.Note($"{name} has other bytes than the result that was locked (made with {locked.ExecutionProvider})");
    }

    private (CompressionOptions Options, LockFile? Locked) Options(ParseResult parsed)
    {
        var input = parsed.GetValue(_input)
            ?? throw new UsageException("Name the model: onnx-mka IN OUT --ratio 0.4 (onnx-mka --help lists everything).");
        var output = parsed.GetValue(_output);
        var dryRun = parsed.GetValue(_dryRun);
        if (output is null && !dryRun) throw new UsageException("Name the output: onnx-mka IN OUT --ratio 0.4, or use --dry-run.");
        var (given, locked) = _recipes.Read(parsed, [.. _recipe.Sugar, .. _calibration.Sugar, _plan, _evalSamples]);
        var plan = parsed.GetValue(_plan) is { } file ? PlanJson.Read(TextFile.Read(file), file.Name) : null;
        ReportFiles.Check(parsed.GetValue(_report)!);
        TextFile.CheckWritable(new[] { _planOut, _recipes.Out, _recipes.Lock, _adapterMap, _mergekit, _pruneList }.Select(parsed.GetValue));
        var recipe = given ?? _recipe.Recipe(parsed, plan) with
        {
            Calibration = new()
            {
                HeldBackSamples = UsageRange.Within<CalibrationOptions, int>(
                    parsed.GetValue(_evalSamples), nameof(CalibrationOptions.HeldBackSamples), "--eval-samples"),
            },
        };
        // A correction that nobody asked for changes neither plan nor sizes.
        if (dryRun) recipe = recipe with { Steps = [.. recipe.Steps.Where(s => s is not CorrectionStep { WherePossible: true })] };
        var journal = _recipe.Journal(parsed, recipe);
        var analysis = parsed.GetValue(_analysis) is { } a ? Scoring.Analysis.FromJson(TextFile.Read(a), a.Name) : null;
        var options = new CompressionOptions
        {
            Input = input,
            Recipe = recipe with { Scoring = recipe.Scoring with { Analysis = analysis } },
            JournalFile = journal,
            Budget = _recipe.Budget(parsed),
            Output = new()
            {
                Path = dryRun ? null : output,
                DryRun = dryRun,
                Force = parsed.GetValue(_force),
                KeepNames = parsed.GetValue(_keepNames) || locked is { KeepNames: true },
                ForceExternalData = parsed.GetValue(_external) || locked is { ExternalData: true },
                ModelCard = parsed.GetValue(_modelCard),
                CommandLine = CommandLine.Quoted(["onnx-mka", .. parsed.Tokens.Select(t => t.Value)]),
                Files = Files(parsed, journal, given),
            },
            Evaluate = !parsed.GetValue(_noEval),
            Samples = parsed.GetValue(_report)!.Length > 0 ? ReportedSamples : 0,
            Verify = !parsed.GetValue(_noVerify),
            Check = parsed.GetValue(_check),
        };
        options = given is null ? _calibration.Apply(parsed, options) : _calibration.ApplyRunning(parsed, options);
        Option<FileInfo?>[] shares = [.. new[] { _adapterMap, _mergekit }.Where(o => parsed.GetValue(o) is not null)];
        LayerFiles.Check(options.Recipe, shares, Given(_pruneList), Given(_mergekit));
        LayerFiles.CheckOrigin(options, Given(_pruneList), Given(_mergekit));
        return (options, locked);

        Option<FileInfo?>? Given(Option<FileInfo?> option) => parsed.GetValue(option) is null ? null : option;
    }

    private NamedFiles Files(ParseResult parsed, string? journal, Recipe? given)
    {
        var files = NamedFiles.None
            .Writes("--resume", journal)
            .Reads("--recipe", parsed.GetValue(_recipes.In)?.ToString())
            .Reads("the recipe", given?.Calibration.TextFile)
            .Reads("the recipe", given?.Calibration.IdsFile)
            .Reads("--plan", parsed.GetValue(_plan)?.ToString())
            .Reads("--analysis", parsed.GetValue(_analysis)?.ToString());
        files = ReportFiles.Named(files, parsed.GetValue(_report)!);
        foreach (var option in new[] { _planOut, _recipes.Out, _recipes.Lock, _adapterMap, _mergekit, _pruneList })
            files = files.Writes(option.Name, parsed.GetValue(option)?.ToString());
        return files;
    }
}
