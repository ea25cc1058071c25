using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Measuring;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Measuring;

/// <summary>Multiple choice on a hand-worked set and on models whose answers are known.</summary>
public sealed class ChoiceTaskTests
{
    private const string Test =
        "\"Which is \"\"red\"\", or nearly?\",sky,\"blood, fresh\",grass,snow,B\nTwo and two?,four,five,six,seven,A\nThe last "
            + "letter?,a,b,c,z,D\nThe second letter?,a,b,c,z,B\n";

    [Theory]
    [InlineData('A', 0.25)]
    [InlineData('B', 0.5)]
    [InlineData('C', 0)]
    [InlineData('D', 0.25)]
    public void A_model_that_always_says_one_letter_is_right_as_often_as_that_letter(char letter, double expected)
    {
        using var folder = Mmlu();
        using var tokenizer = Tokenizer.Load(Books16.Folder);
        using var model = new ModelUnderTest(Prefers(tokenizer.Encode("Answer: " + letter)[^1]), ExecutionTarget.Cpu);
        var (items, _) = ChoiceFiles.Mmlu(folder.FullPath, 1, MmluRanking.Letter);
        var task = new ChoiceTask("mmlu", "", "", items, tokenizer, 512, false);
        Assert.Equal(expected, Enumerable.Range(0, task.Count).Average(i => task.Score(i, model, null)["correct"]));
    }

    [Fact]
    public void Mmlu_prompts_are_as_published()
    {
        using var folder = Mmlu();
        var (items, _) = ChoiceFiles.Mmlu(folder.FullPath, 1, MmluRanking.Letter);
        Assert.Equal(4, items.Length);
        Assert.Equal(
            "The following are multiple choice questions (with answers) about small set.\n\nThe first letter?\nA. a\nB. b\nC. c\nD. "
            + "z\nAnswer: A\n\n"
            + "Which is \"red\", or nearly?\nA. sky\nB. blood, fresh\nC. grass\nD. snow\nAnswer:",
            items[0].Prompts[0]);
        Assert.Equal([" A", " B", " C", " D"], items[0].Choices.AsEnumerable());
        Assert.Equal(
            "The following are multiple choice questions (with answers) about small set.\n\nTwo and two?\nA. four\nB. five\nC. six\nD. "
                + "seven\nAnswer:",
            items[1].Prompts[^1]);
        Assert.Equal([1, 0, 3, 1], items.Select(i => i.Answer));
        Assert.Equal(
            [" four", " five", " six", " seven"], ChoiceFiles.Mmlu(folder.FullPath, 0, MmluRanking.Text).Items[1].Choices.AsEnumerable());
    }

    [Fact]
    public void Choices_score_the_same_with_a_shared_cache_and_alone()
    {
        using var tokenizer = Tokenizer.Load(Books16.Folder);
        using var model = new ModelUnderTest(Books16.Map, ExecutionTarget.Cpu);
        var (prefix, continuations) = Continuations.Split(
            new TextEncoder(tokenizer), "He took his hat and", [" went away.", " a very long walk by the river side", " x"]);
        var shared = model.Continue(prefix, continuations);
        for (var c = 0; c < continuations.Length; c++)
        {
            int[] whole = [.. prefix, .. continuations[c]];
            var alone = -NextTokens.Nll(model.Logits(whole), whole, prefix.Length);
            // Float32 sums in another order: 2^-24 of logits near 20, a few thousand times, over at most 10 tokens.
            Assert.Equal(alone, shared[c].LogLikelihood, 1e-3);
            Assert.NotEqual(alone, model.Continue(prefix[1..], [continuations[c]])[0].LogLikelihood, 1e-3);
        }
    }

    [Fact]
    public void A_longer_choice_wins_only_by_the_byte()
    {
        // Every token of 2048 is equally likely: the shorter choice wins by likelihood, and the one with more bytes a token by the byte.
        using var tokenizer = Tokenizer.Load(Books16.Folder);
        using var model = new ModelUnderTest(Prefers(null), ExecutionTarget.Cpu);
        string[] choices = [" x", " the house of the world"];
        var tokens = choices.Select(c => tokenizer.Encode("It is" + c).Length - tokenizer.Encode("It is").Length).ToArray();
        Assert.True(tokens[1] > tokens[0] && 22.0 / tokens[1] > 1.0 / tokens[0]);
        var values = new ChoiceTask(
            "set", "", "", [new ChoiceItem("set", ["It is"], [.. choices], 1)], tokenizer, null, true).Score(0, model, null);
        Assert.Equal(-tokens[1] * Math.Log(2048), values["likelihood"], 1e-9);
        Assert.Equal((0, 1), (values["correct"], values["correctPerByte"]));
    }

    [Fact]
    public void The_last_word_counts_where_greedy_decoding_writes_it()
    {
        using var tokenizer = Tokenizer.Load(Books16.Folder);
        var word = tokenizer.Encode("Give me the")[^1];
        using var model = new ModelUnderTest(Prefers(word), ExecutionTarget.Cpu);
        var task = new LastWordTask("last", "", ["Give me the", "Give me a"], tokenizer);
        Assert.Equal([1, 0], new[] { task.Score(0, model, null)["correct"], task.Score(1, model, null)["correct"] });
    }

    [Theory]
    [InlineData("""{"question": "q", "choices": ["a", "b"], "answer": 2}""")]
    [InlineData("""{"question": "q", "choices": ["a"], "answer": 0}""")]
    [InlineData("""{"question": "q", "answer": 0}""")]
    [InlineData("[1]")]
    [InlineData("no json")]
    public void A_bad_line_is_named(string line)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["set.jsonl"], """{"question": "q", "choices": ["a", " b"], "answer": "B"}""" + "\n" + line + "\n");
        var refusal = Assert.Throws<RefusedException>(() => ChoiceFiles.JsonLines(folder["set.jsonl"])).Refusal;
        Assert.Equal(("MKA072", "set.jsonl line 2"), (refusal.Code, refusal.Where));
    }

    private static TempFolder Mmlu()
    {
        var folder = new TempFolder();
        Directory.CreateDirectory(folder["dev"]);
        Directory.CreateDirectory(folder["test"]);
        File.WriteAllText(Path.Combine(folder["dev"], "small_set_dev.csv"), "The first letter?,a,b,c,z,A\n");
        File.WriteAllText(Path.Combine(folder["test"], "small_set_test.csv"), Test);
        return folder;
    }

    /// <summary>The fixture with logits 0 for every token, and 1 for one of them: scaled by 0, a constant added.</summary>
    private static BlockMap Prefers(int? token)
    {
        var map = Books16.Map;
        var bias = new float[2048];
        if (token is { } preferred) bias[preferred] = 1;
        var script = new EditScript();
        var (node, slot) = map.Model.Graph.Nodes.Index()
            .Where(n => n.Item.Outputs.Contains(map.Logits))
            .Select(n => (n.Index, n.Item.Outputs.IndexOf(map.Logits)))
            .Single();
        script.Add("test", new GraphEdit.SetOutput(node, slot, "own.logits"));
        script.Add(
            "test",
            new GraphEdit.AddInitializer(new TensorRef("zero", ElementType.Float, [1], new MemoryBytes(BitConverter.GetBytes(0f))), null));
        script.Add(
            "test",
            new GraphEdit.AddInitializer(
                new TensorRef("bias", ElementType.Float, [2048], new MemoryBytes(bias.SelectMany(BitConverter.GetBytes).ToArray())), null));
        script.Add("test", new GraphEdit.AddNode(new NodeSpec("Mul", ["own.logits", "zero"], ["nothing"], "silence")));
        script.Add("test", new GraphEdit.AddNode(new NodeSpec("Add", ["nothing", "bias"], [map.Logits], "preference")));
        return map with { Model = GraphEditor.Apply(map.Model, script) };
    }
}
