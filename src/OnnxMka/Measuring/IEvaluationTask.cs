using System.Collections.Immutable;

namespace OnnxMka.Measuring;

/// <summary>Something to measure a model by, cut into items that do not depend on each other.</summary>
internal interface IEvaluationTask
{
    string Name { get; }

    /// <summary>Of the data, lower-case hex.</summary>
    string Sha256 { get; }

    /// <summary>Everything else that its figures depend on, in words.</summary>
    string Settings { get; }

    int Count { get; }

    string GroupOf(int item);

    /// <summary>One item, of a model and, where there is one, the original.</summary>
    ImmutableSortedDictionary<string, double> Score(int item, ModelUnderTest model, ModelUnderTest? original);
}

/// <summary>Perplexity of text, and agreement with the original on it. Items are windows.</summary>
internal sealed class TextTask(string name, string sha256, string settings, IReadOnlyList<TextWindow> windows) : IEvaluationTask
{
    public string Name => name;

    public string Sha256 => sha256;

    public string Settings => settings;

    public int Count => windows.Count;

    public string GroupOf(int item) => windows[item].Document;

    public ImmutableSortedDictionary<string, double> Score(int item, ModelUnderTest model, ModelUnderTest? original)
    {
        var window = windows[item];
        var logits = model.Logits(window.Ids);
        var values = ImmutableSortedDictionary.CreateBuilder<string, double>(StringComparer.Ordinal);
        values["tokens"] = window.Scored;
        values["nll"] = NextTokens.Nll(logits, window.Ids, window.FirstScored);
        if (window.Bytes is { } bytes) values["bytes"] = bytes;
        if (original is null) return values.ToImmutable();
        var reference = original.Logits(window.Ids);
        var agreement = NextTokens.Compare(reference, logits, window.Ids.Length, window.FirstScored);
        values["nllOriginal"] = NextTokens.Nll(reference, window.Ids, window.FirstScored);
        values["kl"] = agreement.Kl;
        values["top1"] = agreement.Top1;
        values["top5"] = agreement.Top5;
        return values.ToImmutable();
    }
}
