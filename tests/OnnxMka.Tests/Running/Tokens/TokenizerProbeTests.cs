using System.Text.Json.Nodes;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Tests.Running.Tokens;

/// <summary>Patterns that the tokenizer library does not survive are a line, by way of the command that a user runs.</summary>
public sealed class TokenizerProbeTests
{
    private const int Deep = 20_000;

    [Fact]
    public void A_pattern_that_ends_the_library_is_refused()
    {
        using var folder = new TempFolder();
        WithPattern(folder, new string('(', Deep) + "a" + new string(')', Deep));
        var run = ToolProcess.Run(folder["model"], folder["small"], "--layers-removed", "1", "--method", "drop");
        Assert.Equal(3, run.ExitCode);
        Assert.StartsWith("onnx-mka: MKA030", run.ErrorLines[^1], StringComparison.Ordinal);
        Assert.Contains("SIG", run.ErrorLines[^1], StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["small"]));
    }

    /// <summary>The texts that are tried have what patterns are made for.</summary>
    [Fact]
    public void The_sample_has_every_script_and_more_than_one_length()
    {
        string[] texts = [.. TokenizerProbe.SampleTexts()];
        foreach (var character in "aЖ中あ한ع")
        {
            var block = character >> 8;
            Assert.Contains(texts, t => t.Any(c => c >> 8 == block));
        }

        Assert.Contains(texts, t => t.EnumerateRunes().Any(r => r.Value >> 8 == 0x1F6)); // emoji
        Assert.True(texts.Max(t => t.Length) > 100_000);
    }

    private static void WithPattern(TempFolder folder, string pattern)
    {
        Directory.CreateDirectory(folder["model"]);
        foreach (var file in Directory.GetFiles(Books16.Folder)) File.Copy(file, Path.Combine(folder["model"], Path.GetFileName(file)));
        var path = Path.Combine(folder["model"], "tokenizer.json");
        var tokenizer = JsonNode.Parse(File.ReadAllText(path))!;
        tokenizer["pre_tokenizer"] = new JsonObject
        {
            ["type"] = "Sequence",
            ["pretokenizers"] = new JsonArray(
                new JsonObject
                {
                    ["type"] = "Split",
                    ["pattern"] = new JsonObject { ["Regex"] = pattern },
                    ["behavior"] = "Isolated",
                    ["invert"] = false,
                },
                tokenizer["pre_tokenizer"]!.DeepClone()),
        };
        File.WriteAllText(path, tokenizer.ToJsonString());
    }
}
