using System.Collections.Immutable;
using System.Text;
using OnnxMka.Calibration;

namespace OnnxMka.Evaluation;

/// <summary>A question with its possible continuations.</summary>
/// <param name="Prompts">What stands before the choices, longest first: a shorter one serves where the model has no room for it.</param>
/// <param name="Choices">What may follow, each with its leading blank.</param>
/// <param name="Answer">Number of the right one, from 0.</param>
public sealed record ChoiceItem(string Group, ImmutableArray<string> Prompts, ImmutableArray<string> Choices, int Answer);

/// <summary>Multiple choice by likelihood: the continuation that the model finds likeliest, and the likeliest a byte.</summary>
/// <param name="context">Most tokens that the model reads at once; null for no limit.</param>
/// <param name="perByte">The second ranking, too; it says nothing where the choices are letters.</param>
public sealed class ChoiceTask(string name, string sha256, string settings, IReadOnlyList<ChoiceItem> items, Tokenizer tokenizer, int? context, bool perByte) : IEvaluationTask
{
    public string Name => name;

    public string Sha256 => sha256;

    public string Settings => settings;

    public int Count => items.Count;

    public string GroupOf(int item) => items[item].Group;

    public ImmutableSortedDictionary<string, double> Score(int item, ModelUnderTest model, ModelUnderTest? original)
    {
        var values = ImmutableSortedDictionary.CreateBuilder<string, double>(StringComparer.Ordinal);
        Add(items[item], model, "", values);
        if (original is not null) Add(items[item], original, "Original", values);
        return values.ToImmutable();
    }

    private void Add(ChoiceItem item, ModelUnderTest model, string suffix, ImmutableSortedDictionary<string, double>.Builder values)
    {
        var (prefix, continuations) = Fitting(item);
        var likelihoods = model.Continue(prefix, continuations).Select(s => s.LogLikelihood).ToArray();
        values["likelihood" + suffix] = likelihoods[item.Answer];
        values["correct" + suffix] = Best(likelihoods) == item.Answer ? 1 : 0;
        if (perByte) values["correctPerByte" + suffix] = Best(likelihoods.Select((l, i) => l / Encoding.UTF8.GetByteCount(item.Choices[i].TrimStart()))) == item.Answer ? 1 : 0;

        static int Best(IEnumerable<double> scores) => scores.Index().MaxBy(s => s.Item).Index;
    }

    private (int[] Prefix, int[][] Continuations) Fitting(ChoiceItem item)
    {
        foreach (var prompt in item.Prompts)
        {
            var split = Continuations.Split(tokenizer, prompt, item.Choices);
            if (context is null || split.Prefix.Length + split.Continuations.Max(c => c.Length) <= context) return split;
        }

        throw new RefusedException("MKA073", name, $"a question of {item.Group} is longer than the model's {context} tokens", "Leave that data set out, or use a model with a longer context");
    }
}

/// <summary>Last-word prediction (LAMBADA): greedy decoding writes the whole word.</summary>
public sealed class LastWordTask(string name, string sha256, IReadOnlyList<string> texts, Tokenizer tokenizer) : IEvaluationTask
{
    public string Name => name;

    public string Sha256 => sha256;

    public string Settings => "last word with its leading blank, greedy";

    public int Count => texts.Count;

    public string GroupOf(int item) => name;

    public ImmutableSortedDictionary<string, double> Score(int item, ModelUnderTest model, ModelUnderTest? original)
    {
        var text = texts[item].TrimEnd();
        var blank = text.LastIndexOf(' ');
        if (blank <= 0) throw new RefusedException("MKA072", $"{name} row {item}", "it is a single word", "Give texts of several words");
        var (prefix, words) = Continuations.Split(tokenizer, text[..blank], [text[blank..]]);
        var values = ImmutableSortedDictionary.CreateBuilder<string, double>(StringComparer.Ordinal);
        var (likelihood, greedy) = model.Continue(prefix, words)[0];
        values["correct"] = greedy ? 1 : 0;
        values["nll"] = -likelihood;
        values["tokens"] = words[0].Length;
        if (original is not null) values["correctOriginal"] = original.Continue(prefix, words)[0].IsGreedy ? 1 : 0;
        return values.ToImmutable();
    }
}

/// <summary>A prompt and its continuations as tokens of the texts as a whole.</summary>
internal static class Continuations
{
    /// <summary>
    /// Each text is tokenized as one, since a tokenizer may join the prompt's end with the continuation; the prefix is what all have
    /// in common within the prompt's own tokens.
    /// </summary>
    public static (int[] Prefix, int[][] Continuations) Split(Tokenizer tokenizer, string prompt, IReadOnlyList<string> continuations)
    {
        var alone = tokenizer.Encode(prompt);
        int[][] whole = [.. continuations.Select(c => tokenizer.Encode(prompt + c))];
        var shared = whole.Aggregate(alone.Length, (length, ids) => Math.Min(Math.Min(length, ids.Length - 1), ids.AsSpan().CommonPrefixLength(alone)));
        if (shared < 1) throw new RefusedException("MKA072", "a question", "it has no text before its choices", "Give each question a text");
        return (alone[..shared], [.. whole.Select(ids => ids[shared..])]);
    }
}
