using OnnxMka.Measuring;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Tests.Measuring;

/// <summary>Layouts of question files, and what is said of those that are none.</summary>
public sealed class ChoiceFilesTests
{
    [Theory]
    [InlineData("\"1\"", "answer is the text \"1\"")]
    [InlineData("5", "answer is 5, which is none of the 2 choices")]
    [InlineData("-1", "answer is -1, which is none of the 2 choices")]
    [InlineData("\"C\"", "answer is 2, which is none of the 2 choices")]
    [InlineData("1.5", "answer is neither a number from 0 nor a letter from A")]
    [InlineData("true", "answer is neither a number from 0 nor a letter from A")]
    [InlineData("\"yes\"", "answer is neither a number from 0 nor a letter from A")]
    public void An_answer_that_is_none_is_named(string answer, string what) =>
        Assert.Contains(
            what, Refused($"{{\"question\": \"q\", \"choices\": [\"a\", \"b\"], \"answer\": {answer}}}").What, StringComparison.Ordinal);

    [Theory]
    [InlineData("""{"choices": ["a", "b"], "answer": 0}""", "question is missing")]
    [InlineData("""{"question": "q", "choices": "a", "answer": 0}""", "choices is no array")]
    [InlineData("""{"question": "q", "choices": ["a"], "answer": 0}""", "choices has fewer than two entries")]
    [InlineData("""{"question": 5, "choices": ["a", "b"], "answer": 0}""", "question is no text")]
    [InlineData("""{"question": "q", "choices": ["a", "\ud800"], "answer": 0}""", "choices holds half a surrogate pair")]
    [InlineData("""{"contexts": ["a", "b"], "answer": 0}""", "continuation is missing")]
    [InlineData("""{"contexts": ["a", "b"], "continuation": " c"}""", "answer is missing")]
    [InlineData("""{"contexts": ["a", "b"], "choices": ["c", "d"], "answer": 0}""", "contexts and choices exclude each other")]
    [InlineData("[1]", "it is no JSON object")]
    [InlineData("no json", "it is no JSON object")]
    public void What_a_line_lacks_is_named(string line, string what) => Assert.Contains(what, Refused(line).What, StringComparison.Ordinal);

    /// <summary>Two contexts differ in one word and the same words follow: what is compared is how likely these are behind each.</summary>
    [Fact]
    public void One_continuation_is_scored_behind_each_of_its_contexts()
    {
        using var folder = new TempFolder();
        string[] contexts = ["The old man took his", "The old man took the"];
        const string Continuation = " hat and went away.";
        File.WriteAllText(
            folder["set.jsonl"],
            $$"""{"contexts": ["{{contexts[0]}} ", "{{contexts[1]}}"], "continuation": "hat and went away.", "answer": 1}""" + "\n");
        using var tokenizer = Tokenizer.Load(Books16.Folder);
        using var model = new ModelUnderTest(Books16.Map, ExecutionTarget.Cpu);
        // Oracle: each whole text in one run, the tokens of the context left out of the sum.
        var likelihoods = contexts.Select(c =>
        {
            var (whole, before) = (tokenizer.Encode(c + Continuation), tokenizer.Encode(c).Length);
            Assert.Equal(tokenizer.Encode(c), whole[..before]);
            return -NextTokens.Nll(model.Logits(whole), whole, before);
        }).ToArray();
        Assert.NotEqual(likelihoods[0], likelihoods[1], 0.1);
        var result = ModelEvaluation.Run(
            new EvaluationOptions
            {
                Model = Books16.Folder,
                ChoiceFiles = [folder["set.jsonl"]],
                Speed = false,
                ResultsPath = folder["items.jsonl"],
            });
        var item = Assert.Single(ResultFile.Merge([folder["items.jsonl"]]).Items);
        // Float32 sums in another order, as with a cache that choices share.
        Assert.Equal(likelihoods[1], item.Values["likelihood"], 1e-3);
        Assert.Equal(likelihoods[1] > likelihoods[0] ? 1 : 0, item.Values["correct"]);
        // All continuations have the same bytes: a second ranking by the byte would say the same again.
        Assert.Equal(["accuracy"], result.Metrics.Select(m => m.Metric));
    }

    private static Refusal Refused(string line)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["set.jsonl"], """{"question": "q", "choices": ["a", " b"], "answer": "B"}""" + "\n" + line + "\n");
        var refusal = Assert.Throws<RefusedException>(() => ChoiceFiles.JsonLines(folder["set.jsonl"])).Refusal;
        Assert.Equal(("MKA072", "set.jsonl line 2"), (refusal.Code, refusal.Where));
        return refusal;
    }
}
