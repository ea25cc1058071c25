using System.Collections.Immutable;
using OnnxMka.Inputs;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Measuring;

/// <summary>The tasks that the options ask for, and the tokenizer that they share.</summary>
internal sealed class EvaluationTasks : IDisposable
{
    internal const int DefaultWindow = 1024;
    private readonly Tokenizer? _tokenizer;

    private EvaluationTasks(Tokenizer? tokenizer, ImmutableArray<IEvaluationTask> all, IReadOnlyList<int[]> prompts, int? context)
    {
        Context = context;
        _tokenizer = tokenizer;
        All = all;
        Prompts = prompts;
    }

    public ImmutableArray<IEvaluationTask> All { get; }

    /// <summary>Most tokens that the model reads; null where nothing says.</summary>
    public int? Context { get; }

    /// <summary>Token sequences that prompts for generations are cut from.</summary>
    public IReadOnlyList<int[]> Prompts { get; }

    public static EvaluationTasks Of(EvaluationOptions options, ModelLocation model)
    {
        var config = ModelConfig.Of(model);
        var tokenizer = Tokenizer.Beside(model.ModelPath);
        var tasks = ImmutableArray.CreateBuilder<IEvaluationTask>();
        if (options.MmluFolder is { } mmlu)
        {
            var (items, sha256) = ChoiceFiles.Mmlu(mmlu, options.Shots, options.MmluRanking);
            var byText = options.MmluRanking == MmluRanking.Text;
            var settings = $"{options.Shots} shots, ranked by {(byText ? "text" : "letter")}";
            tasks.Add(new ChoiceTask("mmlu", sha256, settings, items, Needed(tokenizer, model), config.Context, byText));
        }

        foreach (var file in options.ChoiceFiles)
        {
            var (items, sha256) = ChoiceFiles.JsonLines(file);
            // One continuation for all contexts has as many bytes each time: a ranking by the byte would say the same again.
            var (likelihood, perByte) = Array.TrueForAll([.. items], i => i.Contexts.IsEmpty)
                ? ("likelihood of each choice behind the question", true)
                : ("likelihood of what follows behind each context", false);
            tasks.Add(new ChoiceTask(items[0].Group, sha256, likelihood, items, Needed(tokenizer, model), config.Context, perByte));
        }

        if (options.Facts > 0)
        {
            foreach (var set in Facts.Generate(options.Facts, options.Seed))
                tasks.Add(new ChoiceTask(set.Name, set.Sha256, set.Settings, set.Items, Needed(tokenizer, model), config.Context, true));
        }

        if (options.LastWordFile is { } last)
        {
            var texts = TextDocuments.Read(last);
            tasks.Add(new LastWordTask(texts.Name, texts.Sha256, [.. texts.Documents.Select(d => d.Text)], Needed(tokenizer, model)));
        }

        var (text, sequences) = Text(options, config, tokenizer, model, tasks.Count > 0);
        if (text is not null) tasks.Add(text);
        if (tasks.GroupBy(t => t.Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new RefusedException("MKA072", twice.Key, "two files have this name", "Give files with different names");
        return new EvaluationTasks(tokenizer, tasks.ToImmutable(), sequences, config.Context);
    }

    public string Decode(int[] ids) => _tokenizer?.Decode(ids) ?? string.Join(' ', ids);

    public void Dispose() => _tokenizer?.Dispose();

    /// <summary>The text task, unless only other tasks were asked for; and what generations begin with.</summary>
    private static (TextTask? Task, IReadOnlyList<int[]> Sequences) Text(
        EvaluationOptions options, ModelConfig config, Tokenizer? tokenizer, ModelLocation model, bool others)
    {
        var encoder = tokenizer is null ? null : new TextEncoder(tokenizer);
        int[] before = options.Bos switch
        {
            BosUse.Off => [],
            BosUse.On => [config.BeginToken ?? throw new RefusedException(
                "MKA076", Path.GetFileName(model.Root), "none of config.json, generation_config.json, genai_config.json has a bos_token_id",
                "Use --bos auto or off")],
            _ => encoder is null ? [] : [.. encoder.Before],
        };
        var window = options.Window ?? Math.Min(config.Context ?? DefaultWindow, DefaultWindow);
        var stride = Math.Min(options.Stride ?? window, before.Length == 0 ? window - 1 : window);
        var settings =
            $"windows of {window} tokens, stride {stride}, {(before.Length > 0 ? $"BOS {string.Join(' ', before)} first" : "no BOS")}";
        if (options.TextIds is { } path)
        {
            var rows = TokenIdFile.Read(path, out var idsSha256);
            var name = Path.GetFileName(path);
            var windows = rows.SelectMany(r => TextWindow.Over(name, r, window, stride, before));
            return (WithText(new TextTask("text", idsSha256, settings, [.. windows]), path), rows);
        }

        if (encoder is null && options.Text is null && others) return (null, []);
        var texts = options.Text is { } named ? TextDocuments.Read(named) : TextDocuments.BuiltIn;
        const string Next = "Put the tokenizer there, or give token ids with --text-ids FILE (JSON lines, one array of integers each)";
        var words = encoder ?? throw NoTokenizer(model, Next);
        var encoded = texts.Documents.Select(d => (Document: d, Ids: words.Encode(d.Text))).ToArray();
        var task = options.Text is null && others
            ? null
            : WithText(new TextTask("text", texts.Sha256, settings, [.. encoded.SelectMany(e => Over(e.Document, e.Ids))]), options.Text);
        return (task, [.. encoded.Select(e => e.Ids)]);

        IEnumerable<TextWindow> Over(TextDocument document, int[] ids) =>
            TextWindow.Over(document.Name, ids, window, stride, before, document.Text, some => words.Decode(some));
    }

    private static TextTask WithText(TextTask task, string? path) =>
        task.Count > 0
            ? task
            : throw new RefusedException("MKA070", path ?? "the text", "it has no token to predict", "Give a longer text");

    private static Tokenizer Needed(Tokenizer? tokenizer, ModelLocation model) =>
        tokenizer ?? throw NoTokenizer(model, "Put the tokenizer there: questions are texts");

    private static RefusedException NoTokenizer(ModelLocation model, string next) => new(
        "MKA038", Path.GetFileName(model.ModelPath), "there is no tokenizer.json beside it, so text cannot be turned into tokens", next);
}
