using System.Collections.Immutable;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Measuring;

/// <summary>Last-word prediction (LAMBADA): greedy decoding writes the whole word.</summary>
internal sealed class LastWordTask(string name, string sha256, IReadOnlyList<string> texts, Tokenizer tokenizer) : IEvaluationTask
{
    private readonly TextEncoder _encoder = new(tokenizer);

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
        var (prefix, words) = Continuations.Split(_encoder, text[..blank], [text[blank..]]);
        var values = ImmutableSortedDictionary.CreateBuilder<string, double>(StringComparer.Ordinal);
        var (likelihood, greedy) = model.Continue(prefix, words)[0];
        values["correct"] = greedy ? 1 : 0;
        values["nll"] = -likelihood;
        values["tokens"] = words[0].Length;
        if (original is not null) values["correctOriginal"] = original.Continue(prefix, words)[0].IsGreedy ? 1 : 0;
        return values.ToImmutable();
    }
}
