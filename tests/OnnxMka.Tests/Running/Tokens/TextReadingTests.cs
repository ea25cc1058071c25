using System.Text;
using OnnxMka.Measuring;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Tests.Running.Tokens;

/// <summary>Files of text in any encoding that says which it is, and bytes that are no text, through every reader.</summary>
public sealed class TextReadingTests : IDisposable
{
    private const string Ids = "[1,2,3,4]\n";
    private const string Choices = "{\"question\": \"Où est-il?\", \"choices\": [\"là\", \"ici\"], \"answer\": 1}\n";
    private const string Csv = "\"Où est-il, donc?\",là,ici,loin,près,B\n";
    private const string Rows = "{\"text\": \"Il est là, « là-bas ».\"}\n";
    private const string Prose = "Il est là, « là-bas ».\n";

    private readonly TempFolder _folder = new();

    public static TheoryData<string> Readers => ["calibration", "text", "rows", "choices", "mmlu", "ids", "results", "search"];

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, string> Encodings
    {
        get
        {
            var all = new TheoryData<string, string>();
            foreach (var reader in new[] { "calibration", "text", "rows", "choices", "mmlu", "ids" })
                foreach (var encoding in new[] { "utf-8", "utf-16", "utf-16BE", "utf-32", "utf-32BE" }) all.Add(reader, encoding);
            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void A_file_with_a_byte_order_mark_is_read_as_without(string reader, string name)
    {
        var plain = Read(reader, Encoding.UTF8.GetBytes(Content(reader)));
        var encoding = Encoding.GetEncoding(name);
        Assert.Equal(plain, Read(reader, [.. encoding.GetPreamble(), .. encoding.GetBytes(Content(reader))]));
        Assert.DoesNotContain('\uFEFF', plain);
        Assert.NotEqual(
            plain,
            Read(
                reader,
                Encoding.UTF8.GetBytes(
                    Content(reader).Replace("là", "lo", StringComparison.Ordinal).Replace("[1,", "[3,", StringComparison.Ordinal))));
    }

    [Theory]
    [MemberData(nameof(Readers))]
    public void A_nul_is_refused_with_its_place(string reader)
    {
        var bytes = Encoding.UTF8.GetBytes(Content(reader));
        var refusal = Refused(reader, [.. bytes[..7], 0, .. bytes[7..]]);
        Assert.Contains("a NUL at byte 7", refusal.What, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Readers))]
    public void Bytes_that_are_no_text_are_refused_with_their_place(string reader)
    {
        var bytes = Encoding.UTF8.GetBytes(Content(reader));
        Assert.Contains("not UTF-8 at byte 7", Refused(reader, [.. bytes[..7], 0xE4, .. bytes[7..]]).What, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Readers))]
    public void Text_of_two_bytes_a_character_without_a_mark_is_named(string reader)
    {
        var what = Refused(reader, Encoding.Unicode.GetBytes(Content(reader))).What;
        Assert.Contains("UTF-16 without a byte order mark", what, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("utf-16", new byte[] { 0x61, 0x00, 0x00, 0xD8, 0x62, 0x00 }, "not UTF-16 at byte 4")]
    [InlineData("utf-16BE", new byte[] { 0x00, 0x61, 0x00, 0x62, 0x00 }, "not UTF-16 at byte 6")]
    [InlineData("utf-32", new byte[] { 0x61, 0, 0, 0, 0, 0, 0x11, 0 }, "not UTF-32 at byte 8")]
    [InlineData("utf-16", new byte[] { 0x61, 0x00, 0x00, 0x00 }, "a NUL at byte 4")]
    [InlineData("utf-8", new byte[] { 0x61, 0xC3 }, "not UTF-8 at byte 4")]
    public void The_place_is_that_in_the_file(string encoding, byte[] bytes, string what) =>
        Assert.Contains(what, Refused("text", [.. Encoding.GetEncoding(encoding).GetPreamble(), .. bytes]).What, StringComparison.Ordinal);

    /// <summary>A NUL that is written as an escape ends the text for the tokenizer as one that is a byte does.</summary>
    [Theory]
    [InlineData("rows", "{\"text\": \"the old\\u0000man\"}\n")]
    [InlineData("choices", "{\"question\": \"the \\u0000 man\", \"choices\": [\"a\", \"b\"], \"answer\": 0}\n")]
    [InlineData("choices", "{\"question\": \"the man\", \"choices\": [\"a\\u0000b\", \"b\"], \"answer\": 0}\n")]
    public void An_escaped_nul_is_refused_with_its_line(string reader, string content)
    {
        var refusal = Assert.Throws<RefusedException>(() => Read(reader, Encoding.UTF8.GetBytes(content))).Refusal;
        Assert.Equal("MKA072", refusal.Code);
        Assert.Contains("NUL", refusal.What, StringComparison.Ordinal);
        Assert.EndsWith("line 1", refusal.Where, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--plan")]
    [InlineData("--analysis")]
    public void Plans_and_analyses_are_read_the_same_way(string option)
    {
        File.WriteAllBytes(_folder["file.json"], [.. "{\"vers"u8, 0, .. "ion\": 1}"u8]);
        string[] amount = option == "--plan" ? [] : ["--ratio", "0.25"];
        var result = ToolProcess.Run([Books16.Folder, _folder["out"], option, _folder["file.json"], "--quiet", .. amount]);
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("MKA077 file.json: it holds a NUL at byte 6", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }

    private Refusal Refused(string reader, byte[] bytes)
    {
        var refusal = Assert.Throws<RefusedException>(() => Read(reader, bytes)).Refusal;
        Assert.Equal("MKA077", refusal.Code);
        Assert.Equal(
            reader == "mmlu" ? "x_test.csv" : "file.jsonl",
            Path.GetFileName(refusal.Where).Replace(".txt", ".jsonl", StringComparison.Ordinal));
        return refusal;
    }

    private static string Content(string reader) => reader switch
    {
        "ids" => string.Concat(Enumerable.Repeat(Ids, 40)),
        "choices" => Choices,
        "mmlu" => Csv,
        "rows" => Rows,
        "results" => "{\"version\":1,\"model\":\"m\",\"against\":null,\"seed\":0,\"tasks\":[]}\n",
        "search" => "{\"version\":2,\"key\":\"job\",\"losses\":{},\"lists\":{}}",
        _ => Prose,
    };

    /// <summary>What a reader makes of a file with these bytes, as one text.</summary>
    private string Read(string reader, byte[] bytes)
    {
        Directory.CreateDirectory(_folder["test"]);
        var file = reader switch
        {
            "mmlu" => _folder["test/x_test.csv"],
            "calibration" or "text" => _folder["file.txt"],
            _ => _folder["file.jsonl"],
        };
        File.WriteAllBytes(file, bytes);
        return reader switch
        {
            "calibration" => TextSource.FromFile(file).Text,
            "text" or "rows" => string.Join('|', TextDocuments.Read(file).Documents.Select(d => d.Text)),
            "choices" => string.Join(
                '|', ChoiceFiles.JsonLines(file).Items.SelectMany(i => i.Prompts.Concat(i.Choices).Append(i.Answer.ToString()))),
            "mmlu" => string.Join(
                '|',
                ChoiceFiles.Mmlu(_folder.FullPath, 0, MmluRanking.Text).Items.SelectMany(
                    i => i.Prompts.Concat(i.Choices).Append(i.Answer.ToString()))),
            "ids" => string.Join('|', CalibrationSet.FromIds(file, 32, 4, 0, _ => true).Samples.Select(s => string.Join(',', s))),
            "results" => ResultFile.Merge([file]).Header.Model,
            "search" => OnnxMka.Selection.SelectionState.Of(OnnxMka.Bench.Journal.Open(file, "job"), "key").Rounds.Length.ToString(),
            _ => throw new ArgumentOutOfRangeException(nameof(reader), reader, "unknown"),
        };
    }
}
