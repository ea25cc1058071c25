using System.CommandLine;
using OnnxMka.Cards;
using OnnxMka.Emission;
using OnnxMka.Jobs;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Reporting;

namespace OnnxMka.Cli.Verbs;

/// <summary><c>onnx-mka IN OUT --ratio 0.4</c>: the main job.</summary>
internal sealed class CompressVerb
{
    private const int ReportedSamples = 3;
    private readonly Argument<string?> _input = new("in") { Description = "ONNX decoder: a file, or a folder that holds one", Arity = ArgumentArity.ZeroOrOne };
    private readonly Argument<string?> _output = new("out") { Description = "Result: a folder, or a name that ends in .onnx", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<double?> _ratio = new("--ratio") { Description = "Share of the blocks to remove, 0 up to 1" };
    private readonly Option<int?> _count = new("--layers-removed") { Description = "Number of blocks to remove" };
    private readonly Option<string?> _blocks = new("--blocks") { Description = "Blocks to remove, such as 3,7 (numbers start at 0); of halves, such as 3.mlp,7.attention" };
    private readonly Option<Method> _method = ChoiceOption.Of<Method>("--method", "mka merges, drop deletes, best tries several ways and takes what loses least");
    private readonly Option<Order> _order = ChoiceOption.Of<Order>("--order", "similarity takes the most similar neighbours, tail the last");
    private readonly Option<MergedHalf> _only = ChoiceOption.Of<MergedHalf>("--only", "Mix only that half of each merged block; the other stays the kept block's own");
    private readonly SelectionFlags _selection = new();
    private readonly QualityFlags _quality = new();
    private readonly MergeFlags _merge = new();
    private readonly Option<int> _protectFirst = new("--protect-first") { Description = "Blocks at the start that stay as they are", DefaultValueFactory = _ => 1 };
    private readonly Option<int> _protectLast = new("--protect-last") { Description = "Blocks at the end that stay as they are", DefaultValueFactory = _ => 1 };
    private readonly CalibrationFlags _calibration = new();
    private readonly Option<FileInfo?> _analysis = new("--analysis") { Description = "Similarities from: onnx-mka score MODEL -o FILE" };
    private readonly Option<FileInfo?> _plan = new("--plan") { Description = "Plan to replay, from --plan-out" };
    private readonly Option<FileInfo[]> _report = new("--report") { Description = "Write a report (.html, .json, .md; may be repeated)", DefaultValueFactory = _ => [] };
    private readonly Option<FileInfo?> _planOut = new("--plan-out") { Description = "Write the plan (.json)" };
    private readonly Option<bool> _modelCard = new("--model-card") { Description = "Write a README.md with plan, cost and command (MODEL_CARD.md where a README.md exists, unless --force)" };
    private readonly Option<FileInfo?> _adapterMap = new("--adapter-map") { Description = "Write old and new layer numbers, for adapters (.json)" };
    private readonly Option<FileInfo?> _mergekit = new("--mergekit") { Description = "Write the same merge for mergekit (.yml)" };
    private readonly Option<FileInfo?> _pruneList = new("--prune-list") { Description = "Write the numbers of the removed layers, as llama-quantize --prune-layers takes them (.txt)" };
    private readonly Option<bool> _json = new("--json") { Description = "Print the report as JSON instead of tables" };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Plan and sizes; write no model" };
    private readonly Option<bool> _force = new("--force") { Description = "Overwrite existing output" };
    private readonly Option<bool> _noEval = new("--no-eval") { Description = "Do not measure perplexity" };
    private readonly Option<int> _evalSamples = new("--eval-samples") { Description = "Windows of held-back text to measure it on", DefaultValueFactory = _ => 128 };
    private readonly Option<bool> _noVerify = new("--no-verify") { Description = "Do not load and step the result" };
    private readonly Option<bool> _external = new("--external-data") { Description = "Put all weights into a data file" };
    private readonly Option<bool> _check = new("--check") { Description = "Read the written model again, check its graph and find its blocks anew" };
    private readonly Option<bool> _keepNames = new("--keep-names") { Description = "Keep old layer numbers in the names of nodes and weights" };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "No progress" };
    private readonly Option<bool> _verbose = new("-v", "--verbose") { Description = "Say more: pairs not considered, checks, timings" };

    public void AddTo(Command command)
    {
        command.Add(_input);
        command.Add(_output);
        Option[] options =
        [
            _ratio, _count, _blocks, _method, _order, _only, .. _quality.All, .. _selection.All, .. _merge.All, _protectFirst, _protectLast, .. _calibration.All, _analysis, _plan,
            _report, _planOut, _modelCard, _adapterMap, _mergekit, _pruneList, _json, _dryRun, _force, _noEval, _evalSamples, _noVerify, _check, _external, _keepNames, _quiet, _verbose,
        ];
        foreach (var option in options) command.Add(option);
        command.SetAction((result, ct) => Task.Run(() => ErrorLines.Run(() => Run(result, ct)), CancellationToken.None));
    }

    private int Run(ParseResult parsed, CancellationToken ct)
    {
        var options = Options(parsed);
        var progress = ConsoleProgress.For(parsed.GetValue(_quiet));
        if (options.Running.Target.Note is { } note) progress.Note(note);
        var result = Compression.Run(options, progress, ct);
        try
        {
            WriteFiles(parsed, result, options);
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
        if (parsed.GetValue(_report) is { Length: > 0 } reports) ReportFiles.Write(reports, ReportJson.Write(result, options));
        if (parsed.GetValue(_adapterMap) is { } map) TextFile.Write(map, AdapterMap.Write(result.Plan, result.Compensation));
        if (parsed.GetValue(_mergekit) is { } mergekit) TextFile.Write(mergekit, MergekitYaml.Write(result.Plan, result.Blocks.Tensor(result.Blocks.Blocks[0].Parameters[0].Initializer).Type));
        if (parsed.GetValue(_pruneList) is { } list) TextFile.Write(list, PruneList.Write(result.Plan));
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

    private CompressionOptions Options(ParseResult parsed)
    {
        var input = parsed.GetValue(_input) ?? throw new UsageException("Name the model: onnx-mka IN OUT --ratio 0.4 (onnx-mka --help lists everything).");
        var output = parsed.GetValue(_output);
        var dryRun = parsed.GetValue(_dryRun);
        if (output is null && !dryRun) throw new UsageException("Name the output: onnx-mka IN OUT --ratio 0.4, or use --dry-run.");
        var plan = parsed.GetValue(_plan) is { } file ? PlanJson.Read(TextFile.Read(file), file.Name) : null;
        ReportFiles.Check(parsed.GetValue(_report)!);
        TextFile.CheckWritable(new[] { _planOut, _adapterMap, _mergekit, _pruneList }.Select(parsed.GetValue));
        var options = new CompressionOptions
        {
            Input = input,
            Output = new() { Path = dryRun ? null : output, DryRun = dryRun, Force = parsed.GetValue(_force), KeepNames = parsed.GetValue(_keepNames), ForceExternalData = parsed.GetValue(_external), ModelCard = parsed.GetValue(_modelCard), CommandLine = CommandLine.Quoted(["onnx-mka", .. parsed.Tokens.Select(t => t.Value)]), Files = Files(parsed) },
            Ratio = parsed.GetValue(_ratio),
            Plan = PlanOptionsFrom(parsed, plan is not null),
            ReadyPlan = plan,
            Scoring = new() { Analysis = parsed.GetValue(_analysis) is { } a ? Scoring.Analysis.FromJson(TextFile.Read(a), a.Name) : null },
            Evaluate = !parsed.GetValue(_noEval),
            Calibration = new() { HeldBackSamples = UsageRange.AtLeast(parsed.GetValue(_evalSamples), 1, "--eval-samples") },
            Samples = parsed.GetValue(_report)!.Length > 0 ? ReportedSamples : 0,
            Verify = !parsed.GetValue(_noVerify),
            Check = parsed.GetValue(_check),
        };
        var applied = _selection.Apply(parsed, _quality.Apply(parsed, _calibration.Apply(parsed, options)));
        Option<FileInfo?>[] shares = [.. new[] { _adapterMap, _mergekit }.Where(o => parsed.GetValue(o) is not null)];
        LayerFiles.Check(applied, shares, Given(_pruneList), Given(_mergekit));
        return applied;

        Option<FileInfo?>? Given(Option<FileInfo?> option) => parsed.GetValue(option) is null ? null : option;
    }

    private NamedFiles Files(ParseResult parsed)
    {
        var files = NamedFiles.None
            .Reads("--plan", parsed.GetValue(_plan)?.ToString())
            .Reads("--analysis", parsed.GetValue(_analysis)?.ToString());
        files = ReportFiles.Named(files, parsed.GetValue(_report)!);
        foreach (var option in new[] { _planOut, _adapterMap, _mergekit, _pruneList })
            files = files.Writes(option.Name, parsed.GetValue(option)?.ToString());
        return files;
    }

    private PlanOptions PlanOptionsFrom(ParseResult parsed, bool planGiven)
    {
        var amounts = new[] { parsed.GetValue(_ratio) is not null, parsed.GetValue(_count) is not null, parsed.GetValue(_blocks) is not null, planGiven }.Count(given => given) + _selection.Amounts(parsed);
        if (amounts != 1) throw new UsageException("Say how much goes with exactly one of --ratio, --layers-removed, --blocks, --target-size, --max-ppl-increase or --plan.");
        if (parsed.GetValue(_ratio) is { } ratio && !(ratio >= 0 && ratio < 1)) throw new UsageException($"--ratio is {ratio}; it must be at least 0 and less than 1.");
        if (parsed.GetValue(_only) != MergedHalf.Both && (planGiven || parsed.GetValue(_method) != Method.Mka)) throw new UsageException("--only says what a merge mixes: it goes with --method mka, and not with --plan, which says so itself.");
        return _merge.Apply(parsed, planGiven, new PlanOptions
        {
            Count = UsageRange.AtLeast(parsed.GetValue(_count) ?? 0, 0, "--layers-removed"),
            Named = _selection.TakesHalves(parsed) ? [] : UsageRange.Numbers(parsed.GetValue(_blocks), "--blocks"),
            NamedHalves = _selection.TakesHalves(parsed) ? [.. (parsed.GetValue(_blocks) ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)] : [],
            Method = parsed.GetValue(_method),
            Order = parsed.GetValue(_order),
            Only = parsed.GetValue(_only),
            ProtectFirst = UsageRange.AtLeast(parsed.GetValue(_protectFirst), 0, "--protect-first"),
            ProtectLast = UsageRange.AtLeast(parsed.GetValue(_protectLast), 0, "--protect-last"),
        });
    }
}
