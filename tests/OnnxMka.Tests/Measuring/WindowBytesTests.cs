using System.Text;
using System.Text.Json;
using OnnxMka.Measuring;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Tests.Measuring;

/// <summary>The bytes that windows count, on texts whose characters are cut between windows.</summary>
public sealed class WindowBytesTests
{
    private const string Alphabet = "etaoin shrdlu.,\n\"'-éèß«»—“”’ΩжשاÀ天地玄黃宇宙洪荒日月🚲🙂𝄞e\u0301\u200D\uFFFD";

    /// <summary>
    /// Chinese is three tokens a character for the fixture's tokenizer, one a byte, so that two windows of three begin inside one.
    /// </summary>
    [Theory]
    [InlineData(64, null)]
    [InlineData(63, 20)]
    [InlineData(8, 1)]
    public void Windows_that_begin_inside_a_character_count_the_rest_of_it(int window, int? stride)
    {
        using var folder = new TempFolder();
        var text = string.Concat(Enumerable.Repeat("天地玄黃宇宙洪荒", stride == 1 ? 2 : 12));
        File.WriteAllText(folder["zh.txt"], text);
        var options = new EvaluationOptions
        {
            Model = Books16.Folder,
            Text = folder["zh.txt"],
            Window = window,
            Stride = stride,
            Speed = false,
            ResultsPath = folder["items.jsonl"],
        };
        var result = ModelEvaluation.Run(options);
        var items = ResultFile.Merge([folder["items.jsonl"]]).Items;
        // The first token, a byte, has nothing before it and does not count.
        Assert.Equal(Encoding.UTF8.GetByteCount(text) - 1, items.Sum(i => i.Values["bytes"]));
        Assert.All(items, i => Assert.Equal(i.Values["tokens"], i.Values["bytes"]));
        var bits = result.Metrics.Single(m => m.Metric == "bits per byte");
        Assert.Equal(items.Sum(i => i.Values["nll"]) / items.Sum(i => i.Values["tokens"]) / Math.Log(2), bits.Value, 1e-9);
        Assert.True(
            bits is { Low: { } low, High: { } high } && double.IsFinite(low) && double.IsFinite(high), $"{bits.Low} to {bits.High}");
    }

    /// <summary>Against the vocabulary: the characters of a byte-level token stand for a byte each.</summary>
    [Fact]
    public void Bytes_of_any_windows_over_any_text_are_those_of_the_tokens()
    {
        using var tokenizer = Tokenizer.Load(Books16.Folder);
        var lengths = TokenLengths();
        var cut = 0;
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var text = Text(random, random.Next(1, 120));
            var ids = tokenizer.Encode(text);
            Assert.Equal(Encoding.UTF8.GetByteCount(text), ids.Sum(id => lengths[id]));
            var (window, before) = (random.Next(3, 20), random.Next(2) == 0 ? [] : new[] { 0 });
            var windows = TextWindow.Over(
                "text", ids, window, random.Next(1, window), before, text, part => tokenizer.Decode(part)).ToArray();
            var counted = before.Length == 0 ? ids[1..] : ids;
            var known = windows.Select(w => w.Ids[w.FirstScored..].Sum(id => lengths[id])).ToArray();
            Assert.Equal(counted.Sum(id => lengths[id]), known.Sum());
            // A place inside a character may be told wrong by less than its four bytes, and a window has two; the sum only at the first
            // token.
            Assert.All(windows.Zip(known), w => Assert.InRange(w.First.Bytes!.Value, w.Second - 6, w.Second + 6));
            Assert.InRange(
                windows.Sum(w => w.Bytes!.Value), known.Sum() - (before.Length == 0 ? 3 : 0), known.Sum() + (before.Length == 0 ? 3 : 0));
            cut += windows.Count(w => IsInside(lengths, ids, text, w));
        }

        Assert.True(cut > 100, $"{cut} windows begin inside a character");

        static bool IsInside(Dictionary<int, int> lengths, int[] ids, string text, TextWindow window)
        {
            var place = ids.AsSpan().IndexOf(window.Ids.AsSpan(window.FirstScored)) is >= 0 and var first
                ? ids[..first].Sum(id => lengths[id])
                : 0;
            return (Encoding.UTF8.GetBytes(text)[Math.Min(place, Encoding.UTF8.GetByteCount(text) - 1)] & 0xC0) == 0x80;
        }
    }

    /// <summary>Marks of blanks go from the beginning of whatever is decoded, and bytes that no word has are tokens of their own.</summary>
    [Fact]
    public void A_decoder_that_leaves_out_blanks_and_changes_letters_counts_all_of_the_text()
    {
        // One token a byte; decoding trims the first blank, and writes what it reads in small letters.
        static string Decode(int[] ids)
        {
            var text = Encoding.UTF8.GetString([.. ids.Select(id => (byte)id)]);
            return (text.StartsWith(' ') ? text[1..] : text).ToLowerInvariant();
        }

        for (var seed = 0; seed < 50; seed++)
        {
            var random = new Random(seed);
            var text = "x" + Text(random, 80) + " İ Ⱥ";
            int[] ids = [.. Encoding.UTF8.GetBytes(text).Select(b => (int)b)];
            var windows = TextWindow.Over("text", ids, 7, 5, [0], text, Decode).ToArray();
            Assert.Equal(ids.Length, windows.Sum(w => w.Bytes!.Value));
            Assert.All(windows, w => Assert.InRange(w.Bytes!.Value, w.Scored - 4, w.Scored + 4));
        }
    }

    private static string Text(Random random, int length)
    {
        Rune[] runes = [.. Alphabet.EnumerateRunes()];
        return string.Concat(Enumerable.Range(0, length).Select(_ => runes[random.Next(runes.Length)]));
    }

    private static Dictionary<int, int> TokenLengths()
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Books16.Folder, "tokenizer.json")));
        return json.RootElement.GetProperty("model")
            .GetProperty("vocab")
            .EnumerateObject()
            .ToDictionary(t => t.Value.GetInt32(), t => t.Name.Length);
    }
}
