using OnnxMka.Graph;

namespace OnnxMka.Running.Tokens;

/// <summary>
/// A temporary folder as the tokenizer library wants one: the tokenizer's files as they were checked, and the configuration without
/// which it loads none. What else stands in the model's folder (its real <c>genai_config.json</c>, chat templates) the library never sees.
/// </summary>
internal sealed class TokenizerStage : IDisposable
{
    /// <summary>The library refuses a configuration without a context length, and does not use it for a tokenizer.</summary>
    private const string Configuration = """{ "model": { "context_length": 1 } }""";

    private TokenizerStage(string folder) => Folder = folder;

    public string Folder { get; }

    public long Bytes { get; private init; }

    /// <summary>Refuses (MKA030) what the library would not survive.</summary>
    public static TokenizerStage Of(string tokenizerFolder)
    {
        var files = TokenizerFiles.Read(tokenizerFolder);
        var folder = Directory.CreateTempSubdirectory("onnx-mka-tokenizer-").FullName;
        var stage = new TokenizerStage(folder) { Bytes = files.Values.Sum(b => (long)b.Length) };
        foreach (var (name, bytes) in files) File.WriteAllBytes(Path.Combine(stage.Folder, name), bytes);
        File.WriteAllText(Path.Combine(stage.Folder, "genai_config.json"), Configuration);
        return stage;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
