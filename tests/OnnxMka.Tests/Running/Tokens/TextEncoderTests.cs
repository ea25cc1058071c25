using System.Text.Json.Nodes;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Tests.Running.Tokens;

/// <summary>What a tokenizer puts around every text, and what of it is the text's own.</summary>
public sealed class TextEncoderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void A_text_is_what_the_rules_leave(bool begins, bool ends)
    {
        using var plain = Tokenizer.Load(Books16.Folder);
        using var tokenizer = With(config =>
        {
            config["add_bos_token"] = begins;
            config["add_eos_token"] = ends;
        });
        var encoder = new TextEncoder(tokenizer);
        Assert.Equal((begins ? 1 : 0, ends ? 1 : 0), (encoder.Before.Length, encoder.Behind.Length));
        foreach (var text in new[] { "", "a", "It was a dark night.", "the end <|endoftext|>", "<|endoftext|> the end", " ", "天" })
        {
            Assert.Equal(plain.Encode(text), encoder.Encode(text));
            Assert.Equal([.. encoder.Before, .. plain.Encode(text)], encoder.EncodeOpening(text));
        }
    }

    /// <summary>A vocabulary of letters marks a blank before every text, and within texts: the mark is text.</summary>
    [Fact]
    public void A_mark_of_blanks_is_no_special_token()
    {
        var tokenizer = JsonNode.Parse(File.ReadAllText(Path.Combine(Books16.Folder, "tokenizer.json")))!;
        tokenizer["pre_tokenizer"]!["add_prefix_space"] = true;
        var model = tokenizer["model"]!.AsObject();
        model["merges"] = new JsonArray();
        using var letters = With(config => config["add_prefix_space"] = true, tokenizer.ToJsonString());
        var encoder = new TextEncoder(letters);
        Assert.Equal((0, 0), (encoder.Before.Length, encoder.Behind.Length));
        Assert.Equal(letters.Encode("a man"), encoder.Encode("a man"));
    }

    private Tokenizer With(Action<JsonNode> change, string? tokenizer = null)
    {
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(Books16.Folder, "tokenizer_config.json")))!;
        change(config);
        File.WriteAllText(_folder["tokenizer_config.json"], config.ToJsonString());
        File.WriteAllText(_folder["tokenizer.json"], tokenizer ?? File.ReadAllText(Path.Combine(Books16.Folder, "tokenizer.json")));
        return Tokenizer.Load(_folder.FullPath);
    }
}
