using System.Text.Json.Nodes;
using OnnxMka.Jobs;
using OnnxMka.Measuring;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Tests.Measuring;

/// <summary>Tokens that a tokenizer puts around every text belong to no continuation, no window and no calibration sample.</summary>
public sealed class SpecialTokensTests : IDisposable
{
    private const string End = "<|endoftext|>";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_ends_every_text_changes_no_figure()
    {
        var plain = Figures(Model("plain", (_, _) => { }));
        Assert.Equal(plain, Figures(Model("ended", (_, config) => config["add_eos_token"] = true)));
        Assert.Equal(1, plain.Single(f => (f.Task, f.Metric) == ("last.jsonl", "accuracy")).Value);
    }

    /// <summary>
    /// Where one token begins and ends texts, GenAI puts it at both ends, whichever end the rule names; another end token it does not.
    /// </summary>
    [Fact]
    public void One_token_that_begins_and_ends_counts_as_the_beginning_alone()
    {
        var first = Figures(Model("first", (tokenizer, config) =>
        {
            tokenizer["post_processor"] = Template(Special(), Text());
            config["eos_token"] = "!";
        }));
        Assert.Equal(1, first.Single(f => (f.Task, f.Metric) == ("last.jsonl", "accuracy")).Value);
        Assert.Equal(first, Figures(Model("both", (tokenizer, _) => tokenizer["post_processor"] = Template(Special(), Text()))));
        Assert.Equal(first, Figures(Model("behind", (tokenizer, _) => tokenizer["post_processor"] = Template(Text(), Special()))));
        // The control: that token does stand first, and tells.
        Assert.NotEqual(Figures(Model("plain", (_, _) => { })), first);
    }

    [Fact]
    public void Calibration_takes_the_text_alone()
    {
        int[][] Samples(string folder)
        {
            using var texts = new Texts(
                new CalibrationOptions { TextFile = _folder["text.txt"], Length = 16 }, Path.Combine(folder, "model.onnx"));
            return [.. texts.Calibration.Samples];
        }

        // One token more would fill another window: a token of the tokenizer's own must not.
        var text = string.Concat(Enumerable.Repeat(" the old man", 220));
        using (var tokenizer = Tokenizer.Load(Books16.Folder))
        {
            while (tokenizer.Encode(text).Length % 15 != 14) text += " man";
        }

        File.WriteAllText(_folder["text.txt"], text);
        var ended = Samples(Model("ended", (tokenizer, _) => tokenizer["post_processor"] = Template(Special(), Text(), Special())));
        var first = Samples(Model("first", (tokenizer, config) =>
        {
            tokenizer["post_processor"] = Template(Special(), Text());
            config["eos_token"] = "!";
        }));
        Assert.Equal(first, ended);
        Assert.All(ended, s => Assert.Equal((0, 0), (s[0], s.Count(id => id == 0) - 1)));
    }

    private (string Task, string? Group, string Metric, double Value)[] Figures(string folder)
    {
        Directory.CreateDirectory(_folder["mmlu/test"]);
        File.WriteAllText(
            _folder["mmlu/test/small_test.csv"],
            "Who is old?,the man,the sea,the house,the ship,A\nWhat is dark?,a hat,the night,a word,two,B\n");
        File.WriteAllText(
            _folder["last.jsonl"],
            "{\"text\": \"It was a dark night and the old man, and the old man,\"}\n{\"text\": "
                + "\"It was a dark night and the old man, and the old man, and the old man,\"}\n");
        File.WriteAllText(
            _folder["set.jsonl"],
            "{\"question\": \"He took his hat and\", \"choices\": [\"went away.\", \"the the the\", \"a\"], \"answer\": 0}\n{\"question\": "
                + "\"She said that\", \"choices\": [\"it was well\", \"hat\"], \"answer\": 1}\n");
        File.WriteAllText(_folder["body.txt"], "It was a dark night, and the old man sat by the fire and said that he would not go.");
        var result = ModelEvaluation.Run(new EvaluationOptions
        {
            Model = folder,
            LastWordFile = _folder["last.jsonl"],
            ChoiceFiles = [_folder["set.jsonl"]],
            MmluFolder = _folder["mmlu"],
            MmluRanking = MmluRanking.Text,
            Shots = 0,
            Facts = 2,
            Text = _folder["body.txt"],
            Window = 16,
            Speed = false,
            ResultsPath = Path.Combine(folder, "items.jsonl"),
        });
        var items = ResultFile.Merge([Path.Combine(folder, "items.jsonl")]).Items.SelectMany(
            i => i.Values.Select(v => (i.Task, (string?)$"{i.Group} {i.Index}", v.Key, v.Value)));
        return [.. result.Metrics.Select(m => (m.Task, m.Group, m.Metric, m.Value)), .. items];
    }

    private string Model(string name, Action<JsonNode, JsonNode> change)
    {
        var folder = _folder[name];
        Directory.CreateDirectory(folder);
        foreach (var file in new[] { "model.onnx", "config.json" })
            File.CreateSymbolicLink(Path.Combine(folder, file), Path.Combine(Books16.Folder, file));
        var (tokenizer, config) = (Read("tokenizer.json"), Read("tokenizer_config.json"));
        change(tokenizer, config);
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), tokenizer.ToJsonString());
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), config.ToJsonString());
        return folder;

        static JsonNode Read(string file) => JsonNode.Parse(File.ReadAllText(Path.Combine(Books16.Folder, file)))!;
    }

    private static JsonObject Template(params JsonNode[] single) => new()
    {
        ["type"] = "TemplateProcessing",
        ["single"] = new JsonArray(single),
        ["pair"] = new JsonArray([.. single.Select(s => s.DeepClone())]),
        ["special_tokens"] = new JsonObject
        {
            [End] = new JsonObject { ["id"] = End, ["ids"] = new JsonArray(0), ["tokens"] = new JsonArray(End) },
        },
    };

    private static JsonObject Special() => new() { ["SpecialToken"] = new JsonObject { ["id"] = End, ["type_id"] = 0 } };

    private static JsonObject Text() => new() { ["Sequence"] = new JsonObject { ["id"] = "A", ["type_id"] = 0 } };
}
