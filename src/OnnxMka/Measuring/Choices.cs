using System.Collections.Immutable;
using System.Text;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Measuring;

/// <summary>A question with its possible continuations.</summary>
/// <param name="Prompts">What stands before the choices, longest first: a shorter one serves where the model has no room for it.</param>
/// <param name="Choices">What may follow, each with its leading blank.</param>
/// <param name="Answer">Number of the right one, from 0.</param>
internal sealed record ChoiceItem(string Group, ImmutableArray<string> Prompts, ImmutableArray<string> Choices, int Answer)
{
    /// <summary>
    /// What stands before each choice where that is not the same for all, in place of <see cref="Prompts"/>: questions in which the options
    /// stand before what is scored.
    /// </summary>
    public ImmutableArray<string> Contexts { get; init; } = [];
}

/// <summary>Multiple choice by likelihood: the continuation that the model finds likeliest, and the likeliest a byte.</summary>
/// <param name="context">Most tokens that the model reads at once; null for no limit.</param>
/// <param name="perByte">The second ranking, too; it says nothing where the choices are letters.</param>
internal sealed class ChoiceTask(
    string name,
    string sha256,
    string settings,
    IReadOnlyList<ChoiceItem> items,
    Tokenizer tokenizer,
    int? context,
    bool perByte) : IEvaluationTask
{
    private readonly TextEncoder _encoder = new(tokenizer);

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
        double[] likelihoods = [.. Likelihoods(item, model)];
        // With a choice that cannot be compared none is the best.
        values["likelihood" + suffix] = Array.Exists(likelihoods, double.IsNaN) ? double.NaN : likelihoods[item.Answer];
        values["correct" + suffix] = Best(likelihoods) == item.Answer ? 1 : 0;
        if (perByte)
        {
            var byByte = likelihoods.Select((l, i) => l / Encoding.UTF8.GetByteCount(item.Choices[i].TrimStart()));
            values["correctPerByte" + suffix] = Best(byByte) == item.Answer ? 1 : 0;
        }

        static int Best(IEnumerable<double> scores) => scores.Index().MaxBy(s => s.Item).Index;
    }

    private IEnumerable<double> Likelihoods(ChoiceItem item, ModelUnderTest model)
    {
        if (!item.Contexts.IsEmpty)
            return item.Contexts.Zip(item.Choices, (context, choice) => Behind([context], [choice])[0].LogLikelihood);
        return Behind(item.Prompts, item.Choices).Select(c => c.LogLikelihood);

        (double LogLikelihood, bool IsGreedy)[] Behind(ImmutableArray<string> prompts, ImmutableArray<string> choices)
        {
            var (prefix, continuations) = Fitting(item.Group, prompts, choices);
            return model.Continue(prefix, continuations);
        }
    }

    private (int[] Prefix, int[][] Continuations) Fitting(string group, ImmutableArray<string> prompts, ImmutableArray<string> choices)
    {
        foreach (var prompt in prompts)
        {
            var split = Continuations.Split(_encoder, prompt, choices);
            if (context is null || split.Prefix.Length + split.Continuations.Max(c => c.Length) <= context) return split;
        }

        throw new RefusedException(
            "MKA073",
            name,
            $"a question of {group} is longer than the model's {context} tokens",
            "Leave that data set out, or use a model with a longer context");
    }
}
