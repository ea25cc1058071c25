using System.Collections.Immutable;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Verification;

/// <summary>Tokens that a model and what was made of it are run on, and how far they reach.</summary>
/// <param name="Window">The graphs' longest constant length (<see cref="GraphLengths.Window"/>).</param>
/// <param name="Passed">The tokens reach past it, or past all that the model can read.</param>
internal sealed record StepProbe(ImmutableArray<int> Ids, string Source, int Window, bool Passed)
{
    /// <summary>Steps past a window: the first with a full one, and some with one that has moved.</summary>
    public const int Beyond = 8;

    /// <summary>Most tokens: attention over twice as many takes four times as long.</summary>
    private const int Longest = 2048;

    /// <summary>Most logits of one run, 1 GB of them.</summary>
    private const long MostLogits = 1 << 28;

    /// <summary>Taken for a vocabulary whose size is not known: few are larger.</summary>
    private const long LargeVocabulary = 1 << 17;

    /// <summary>
    /// Tokens of the text one behind the other, or random ones, so many that they reach past what the graphs show as constant lengths,
    /// where model and memory have room for that; null, with a note, where there is room for none.
    /// </summary>
    public static StepProbe? Of(BlockMap original, BlockMap result, CalibrationSet? text, RunningOptions options, Action<string> note)
    {
        var (before, after) = (GraphLengths.Of(original), GraphLengths.Of(result));
        var window = Math.Max(before.Window, after.Window);
        var room = Math.Min(before.Room ?? int.MaxValue, after.Room ?? int.MaxValue);
        var most = (int)Math.Min(Math.Min(Longest, room), MostLogits / (Vocabulary.Rows(original) ?? LargeVocabulary));
        var wanted = Math.Max(window + Beyond, Stepping.NearTokens);
        foreach (var count in new[] { Math.Min(wanted, most), Stepping.NearTokens }.Distinct())
        {
            if (count < Stepping.NearTokens) continue;
            var passed = count >= wanted || room <= window;
            var probe = new StepProbe([.. Tokens(original, text, count)], text?.Source ?? "random token ids", window, passed);
            var runner = Runner.For(original, probe.AsSet, options with { BatchSize = 1 });
            if (runner.WholeFits)
            {
                if (text is null) note("there is no text: the result is loaded and stepped with random token ids");
                return probe;
            }

            if (count == Stepping.NearTokens)
                note($"decoding step by step was not checked, since it needs the whole model at once: {runner.Why}");
        }

        if (most < Stepping.NearTokens) note($"decoding step by step was not checked: the model has room for {most} tokens");
        return null;
    }

    private CalibrationSet AsSet => new([[.. Ids]], Ids.Length, Source, "");

    private static int[] Tokens(BlockMap map, CalibrationSet? text, int count)
    {
        if (text is null) return RandomTokens.Of(map, count);
        Vocabulary.Check(map, text);
        var ids = text.Samples.SelectMany(s => s).Take(count).ToArray();
        return [.. Enumerable.Range(0, count).Select(i => ids[i % ids.Length])];
    }
}
