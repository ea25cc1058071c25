namespace OnnxMka.Running.Tokens;

/// <summary>
/// The model's own tokenizer (<c>tokenizer.json</c>), run by ONNX Runtime GenAI: the ids are those that GenAI feeds a model.
/// </summary>
internal sealed class Tokenizer : IDisposable
{
    private readonly TokenizerLibrary _library;

    private Tokenizer(TokenizerLibrary library, string folder)
    {
        _library = library;
        Folder = folder;
    }

    /// <summary>Folder that holds the tokenizer files.</summary>
    public string Folder { get; }

    /// <summary>The tokenizer beside a model, or in the folder above (<c>onnx/model.onnx</c>); null where there is none.</summary>
    public static Tokenizer? Beside(string modelPath, CancellationToken ct = default)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(modelPath));
        string?[] places = [folder, Path.GetDirectoryName(folder)];
        var found = places.FirstOrDefault(p => p is not null && File.Exists(Path.Combine(p, TokenizerFiles.Main)));
        return found is null ? null : Load(found, ct);
    }

    /// <summary>Refuses files that the tokenizer library does not survive, or does not understand, then with its own words.</summary>
    public static Tokenizer Load(string folder, CancellationToken ct = default)
    {
        using var stage = TokenizerStage.Of(folder);
        TokenizerProbe.Check(stage, folder, ct);
        try
        {
            return new Tokenizer(TokenizerLibrary.Load(stage.Folder), folder);
        }
        catch (TokenizerLibraryException e)
        {
            throw new RefusedException(
                "MKA030", folder, $"its tokenizer does not load ({e.Message})", "Give token ids with --calib-ids", e);
        }
    }

    /// <summary>Token ids of a text, special tokens added as the tokenizer's own rules say; none for an empty text.</summary>
    public int[] Encode(string text)
    {
        // The library takes text that ends at its first NUL.
        if (text.Contains('\0', StringComparison.Ordinal)) throw Failed("encode", "the text holds a NUL character", null);
        try
        {
            return _library.Encode(text);
        }
        catch (TokenizerLibraryException e)
        {
            throw Failed("encode", e.Message, e);
        }
    }

    /// <summary>Text of token ids.</summary>
    public string Decode(ReadOnlySpan<int> ids)
    {
        try
        {
            return _library.Decode(ids);
        }
        catch (TokenizerLibraryException e)
        {
            throw Failed("decode", e.Message, e);
        }
    }

    public void Dispose() => _library.Dispose();

    private RefusedException Failed(string what, string why, Exception? inner) =>
        new("MKA030", Folder, $"its tokenizer cannot {what} ({why})", "Give token ids with --calib-ids", inner);
}
