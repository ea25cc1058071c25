using System.CommandLine;
using OnnxMka.Emission;
using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Reporting;
using OnnxMka.Running.Sessions;

namespace OnnxMka.Cli.Verbs;

/// <summary><c>onnx-mka eval MODEL --text FILE --against ORIGINAL</c>: what a model is worth, alone or beside another.</summary>
internal sealed class EvalVerb
{
    private readonly Argument<string?> _model =
        new("model") { Description = "ONNX decoder: a file or folder", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string?> _against = new("--against")
    {
        Description = "The model that it was made from: KL divergence, top-1 and top-5 agreement, generations side by side",
    };
    private readonly Option<string?> _text = new("--text")
    {
        Description = "Text file, JSON lines with \"text\", or a folder of them (default without other tasks: built-in held-back prose)",
    };
    private readonly Option<string?> _ids = new("--text-ids") { Description = "Token ids, JSON lines, for models without a tokenizer" };
    private readonly Option<string?> _mmlu = new("--mmlu") { Description = "Folder with dev/ and test/ of MMLU as published" };
    private readonly Option<int> _shots = new("--shots")
    {
        Description = "Worked examples before an MMLU question, 0 to 5",
        DefaultValueFactory = _ => ChoiceFiles.MostShots,
    };
    private readonly Option<MmluRanking> _rank = new("--mmlu-rank")
    {
        HelpName = "letter|text",
        Description = "Rank MMLU answers by their letter or by their text",
        DefaultValueFactory = _ => MmluRanking.Letter,
    };
    private readonly Option<string[]> _choices = new("--choices")
    {
        Description = "Multiple choice, JSON lines: question, choices, answer; or contexts, continuation, answer (may be repeated)",
        DefaultValueFactory = _ => [],
    };
    private readonly Option<string?> _lastWord = new("--lambada") { Description = "Last-word prediction, JSON lines: text" };
    private readonly Option<int> _facts = new("--facts")
    {
        HelpName = "N",
        Description = "Generated questions about facts, N of each set: known by heart, told in the prompt, and made up but untold",
    };
    private readonly Option<int?> _limit = new("--limit") { Description = "Most items a task, chosen by the seed" };
    private readonly Option<int> _seed =
        new("--seed") { Description = "Chooses items, prompts and bootstrap draws", DefaultValueFactory = _ => 0 };
    private readonly Option<string?> _shard =
        new("--shard") { Description = "Part i of n, such as 0/8; join the --results files with: onnx-mka eval merge" };
    private readonly Option<FileInfo?> _results =
        new("--results") { Description = "Keep items here as they are scored (.jsonl); the same command continues the file" };
    private readonly Option<int?> _window =
        new("--window") { Description = "Tokens read at once (default: the model's context, at most 1024)" };
    private readonly Option<int?> _stride = new("--stride") { Description = "Tokens from one window to the next (default: the window)" };
    private readonly Option<BosUse> _bos = new("--bos")
    {
        HelpName = "auto|on|off",
        Description = "BOS token before every window: as the tokenizer does, always, never",
        DefaultValueFactory = _ => BosUse.Auto,
    };
    private readonly Option<bool> _noSpeed = new("--no-speed") { Description = "Do not measure prefill and decode speed" };
    private readonly Option<string> _ep = new("--ep") { Description = "auto, cpu or cuda", DefaultValueFactory = _ => "auto" };
    private readonly Option<int> _device = new("--device-id") { Description = "Which GPU", DefaultValueFactory = _ => 0 };
    private readonly Option<bool> _isolate =
        new("--isolate") { Description = "Run each model in a child process first: a crash or a hang of the runtime is a refusal then" };
    private readonly Option<FileInfo[]> _report =
        new("--report") { Description = "Write a report (.html, .json, .md; may be repeated)", DefaultValueFactory = _ => [] };
    private readonly Option<bool> _json = new("--json") { Description = "Print JSON" };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "No progress" };

    private EvalVerb() => _ep.AcceptOnlyFromAmong("auto", "cpu", "cuda");

    public static Command Create()
    {
        var verb = new EvalVerb();
        var command = new Command("eval", "Measure perplexity, multiple choice, and agreement with the original")
        {
            verb._model,
            verb._against,
            verb._text,
            verb._ids,
            verb._mmlu,
            verb._shots,
            verb._rank,
            verb._choices,
            verb._lastWord,
            verb._facts,
            verb._limit,
            verb._seed,
            verb._shard,
            verb._results,
            verb._window,
            verb._stride,
            verb._bos,
            verb._noSpeed,
            verb._ep,
            verb._device,
            verb._isolate,
            verb._report,
            verb._json,
            verb._quiet,
            EvalMergeVerb.Create(),
        };
        command.SetAction((parsed, ct) => Task.Run(() => ErrorLines.Run(() => verb.Run(parsed, ct)), CancellationToken.None));
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken ct)
    {
        ReportFiles.Check(parsed.GetValue(_report)!);
        var options = Options(parsed);
        Files(parsed).ReadsModel(options.Model).ReadsModel(options.Against).Check();
        var progress = ConsoleProgress.For(parsed.GetValue(_quiet));
        if (options.Target.Note is { } note) progress.Note(note);
        var result = Evaluate(options, progress, ct);
        var json = EvaluationJson.Write(result, options);
        ReportFiles.Write(parsed.GetValue(_report)!, json);
        StandardStreams.Print(() =>
        {
            if (parsed.GetValue(_json)) Console.Write(json);
            else EvalTables.Print(result);
        });
        return ExitCode.Done;
    }

    private static EvaluationResult Evaluate(EvaluationOptions options, IProgressSink progress, CancellationToken ct)
    {
        try
        {
            return ModelEvaluation.Run(options, progress, ct);
        }
        catch (OperationCanceledException e) when (options.ResultsPath is not null)
        {
            throw new InterruptedException("--results keeps what was scored, and the same command goes on from there", e);
        }
    }

    private NamedFiles Files(ParseResult parsed)
    {
        var files = NamedFiles.None
            .Reads("--text", parsed.GetValue(_text))
            .Reads("--text-ids", parsed.GetValue(_ids))
            .Reads("--mmlu", parsed.GetValue(_mmlu))
            .Reads("--lambada", parsed.GetValue(_lastWord))
            .Writes("--results", parsed.GetValue(_results)?.ToString());
        files = parsed.GetValue(_choices)!.Aggregate(files, (all, f) => all.Reads("--choices", f));
        return ReportFiles.Named(files, parsed.GetValue(_report)!);
    }

    private EvaluationOptions Options(ParseResult parsed)
    {
        if (parsed.GetValue(_text) is not null && parsed.GetValue(_ids) is not null)
            throw new UsageException("Give --text or --text-ids, not both.");
        var shots = parsed.GetValue(_shots);
        if (shots is < 0 or > ChoiceFiles.MostShots)
            throw new UsageException($"--shots is {shots}; it must be 0 to {ChoiceFiles.MostShots}.");
        var shard = ShardFrom(parsed.GetValue(_shard));
        var results = parsed.GetValue(_results);
        if (shard != Shard.Whole && results is null)
            throw new UsageException("--shard needs --results FILE: the shards' files are joined with onnx-mka eval merge.");
        return new EvaluationOptions
        {
            Model = parsed.GetValue(_model) ?? throw new UsageException("Name the model: onnx-mka eval MODEL --text FILE."),
            Against = parsed.GetValue(_against),
            Text = parsed.GetValue(_text),
            TextIds = parsed.GetValue(_ids),
            MmluFolder = parsed.GetValue(_mmlu),
            Shots = shots,
            MmluRanking = parsed.GetValue(_rank),
            ChoiceFiles = [.. parsed.GetValue(_choices)!],
            LastWordFile = parsed.GetValue(_lastWord),
            Facts = UsageRange.AtLeast(parsed.GetValue(_facts), 0, "--facts"),
            Limit = parsed.GetValue(_limit) is { } limit ? UsageRange.AtLeast(limit, 1, "--limit") : null,
            Seed = parsed.GetValue(_seed),
            Shard = shard,
            ResultsPath = results?.FullName,
            Window = parsed.GetValue(_window) is { } window ? UsageRange.AtLeast(window, 2, "--window") : null,
            Stride = parsed.GetValue(_stride) is { } stride ? UsageRange.AtLeast(stride, 1, "--stride") : null,
            Bos = parsed.GetValue(_bos),
            Speed = !parsed.GetValue(_noSpeed),
            Target = ExecutionTarget.Choose(parsed.GetValue(_ep)!, parsed.GetValue(_device)) with { Isolate = parsed.GetValue(_isolate) },
        };
    }

    private static Shard ShardFrom(string? text)
    {
        if (text is null) return Shard.Whole;
        var parts = text.Split('/');
        return parts.Length == 2
            && int.TryParse(parts[0], out var index)
            && int.TryParse(parts[1], out var count)
            && index >= 0
            && index < count
            ? new Shard(index, count)
            : throw new UsageException($"--shard {text}: give part and number of parts, such as 0/8 to 7/8.");
    }
}

/// <summary><c>onnx-mka eval merge A.jsonl B.jsonl</c>: the figures of a run whose shards were run apart.</summary>
internal static class EvalMergeVerb
{
    public static Command Create()
    {
        var files = new Argument<string[]>("results") { Description = "Result files of all shards", Arity = ArgumentArity.OneOrMore };
        var report = new Option<FileInfo[]>("--report")
        {
            Description = "Write a report (.html, .json, .md; may be repeated)",
            DefaultValueFactory = _ => [],
        };
        var json = new Option<bool>("--json") { Description = "Print JSON" };
        var command = new Command("merge", "Join the result files of all shards") { files, report, json };
        command.SetAction(parsed => ErrorLines.Run(() =>
        {
            ReportFiles.Check(parsed.GetValue(report)!);
            var named = parsed.GetValue(files)!.Aggregate(NamedFiles.None, (all, f) => all.Reads("the command", f));
            ReportFiles.Named(named, parsed.GetValue(report)!).Check();
            var (header, items) = ResultFile.Merge(parsed.GetValue(files)!);
            var metrics = Aggregate.Of(items, header.Seed);
            var text = EvaluationJson.Write(header, metrics);
            ReportFiles.Write(parsed.GetValue(report)!, text);
            StandardStreams.Print(() =>
            {
                if (parsed.GetValue(json)) Console.Write(text);
                else EvalTables.Print(header.Tasks, metrics);
            });
            return ExitCode.Done;
        }));
        return command;
    }
}
