using System.Text;
using System.Text.Json.Nodes;
using OnnxMka.Graph;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Tests.Running.Tokens;

/// <summary>
/// The tokenizer library ends the process, or never returns, on files that these tests give; each is refused before it sees it.
/// </summary>
public sealed class TokenizerFilesTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public TokenizerFilesTests()
    {
        foreach (var file in new[] { "tokenizer.json", "tokenizer_config.json" })
            File.Copy(Path.Combine(Books16.Folder, file), _folder[file]);
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>What is let through goes into the library: were it too much, the whole test run would end here.</summary>
    [Theory]
    [InlineData("tokenizer.json", 200)]
    [InlineData("tokenizer_config.json", 50)]
    public void Any_value_of_any_type_loads_or_is_refused(string file, int least)
    {
        var (refused, loaded) = (0, 0);
        foreach (var (_, damaged) in JsonDamage.Of(Richer(file)))
        {
            File.WriteAllText(_folder[file], damaged);
            try
            {
                using var tokenizer = Tokenizer.Load(_folder.FullPath);
                tokenizer.Decode(tokenizer.Encode("Call me Ishmael."));
                loaded++;
            }
            catch (RefusedException e)
            {
                Assert.Equal("MKA030", e.Refusal.Code);
                refused++;
            }
        }

        Assert.InRange(refused, least, int.MaxValue);
        Assert.InRange(loaded, least, int.MaxValue);
    }

    [Theory]
    [InlineData("tokenizer.json", "")]
    [InlineData("tokenizer.json", "{\"a\": \"\\ud800\"}")]
    [InlineData("tokenizer.json", "{\"a\": 1e400}")]
    [InlineData("tokenizer.json", "{\"model\": {\"vocab\": {\"a\": 1000000000}}}")]
    [InlineData("tokenizer.json", "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}}}")]
    [InlineData("tokenizer_config.json", "[]")]
    [InlineData("tokenizer_module.json", "[]")]
    public void What_ends_the_library_is_refused(string file, string text)
    {
        File.WriteAllText(_folder[file], text);
        var refusal = Assert.Throws<RefusedException>(() => Tokenizer.Load(_folder.FullPath)).Refusal;
        // The library's own refusals name the folder.
        Assert.Equal(("MKA030", _folder[file]), (refusal.Code, refusal.Where));
    }

    [Fact]
    public void Bytes_that_are_no_text_are_refused()
    {
        File.WriteAllBytes(_folder["tokenizer.json"], [.. "{\"a\": \""u8, 0xFF, .. "\"}"u8]);
        Assert.Equal("MKA030", Assert.Throws<RefusedException>(() => Tokenizer.Load(_folder.FullPath)).Refusal.Code);
    }

    [Theory]
    [InlineData("LlamaTokenizer", false)]
    [InlineData("T5Tokenizer", true)]
    public void A_unigram_vocabulary_is_read_for_its_classes_only(string tokenizerClass, bool loads)
    {
        var tokenizer = JsonNode.Parse(File.ReadAllText(_folder["tokenizer.json"]))!;
        tokenizer["model"] = JsonNode.Parse("{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"<unk>\", 0], [\"a\", -1.5]]}");
        tokenizer["pre_tokenizer"] = JsonNode.Parse("{\"type\": \"Metaspace\", \"replacement\": \"_\", \"add_prefix_space\": true}");
        File.WriteAllText(_folder["tokenizer.json"], tokenizer.ToJsonString());
        var config = JsonNode.Parse(File.ReadAllText(_folder["tokenizer_config.json"]))!;
        config["tokenizer_class"] = tokenizerClass;
        File.WriteAllText(_folder["tokenizer_config.json"], config.ToJsonString());
        if (loads) Tokenizer.Load(_folder.FullPath).Dispose();
        else Assert.Contains(
            "Unigram", Assert.Throws<RefusedException>(() => Tokenizer.Load(_folder.FullPath)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_link_to_nothing_is_an_error()
    {
        File.Delete(_folder["tokenizer_config.json"]);
        File.CreateSymbolicLink(_folder["tokenizer_config.json"], "nowhere");
        Assert.Throws<InputFileException>(() => Tokenizer.Load(_folder.FullPath));
    }

    /// <summary>The fixture's files with the parts that larger tokenizers have.</summary>
    private string Richer(string file)
    {
        var json = JsonNode.Parse(File.ReadAllText(_folder[file], Encoding.UTF8))!;
        var extra = file == "tokenizer.json"
            ? """
              {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": "\\p{N}"}, "behavior": "Isolated", "invert": false},
                {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}]},
                "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "x"}, "content": "x"},
                 {"type": "ByteFallback"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
                "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "_"},
                 {"type": "Replace", "pattern": {"String": " "}, "content": "_"}]}}
              """
            : """
              {"chat_template": "{{ x }}", "added_tokens_decoder": {"0": {"content": "<|endoftext|>", "special": true}},
               "bos_token": {"content": "<|endoftext|>"}, "add_bos_token": true}
              """;
        foreach (var (key, value) in JsonNode.Parse(extra)!.AsObject()) json[key] = value?.DeepClone();
        return json.ToJsonString();
    }
}
