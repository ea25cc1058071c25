using System.Runtime.InteropServices;
using System.Text;

namespace OnnxMka.Calibration;

/// <summary>
/// The model's own tokenizer (<c>tokenizer.json</c>), run by ONNX Runtime's tokenizer functions, which the
/// <c>onnxruntime-genai</c> library exports as <c>Ortx*</c>.
/// </summary>
public sealed class Tokenizer : IDisposable
{
    private nint _handle;

    private Tokenizer(nint handle, string folder)
    {
        _handle = handle;
        Folder = folder;
    }

    /// <summary>Folder that holds the tokenizer files.</summary>
    public string Folder { get; }

    /// <summary>The tokenizer beside a model, or in the folder above (<c>onnx/model.onnx</c>); null where there is none.</summary>
    public static Tokenizer? Beside(string modelPath)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(modelPath));
        string?[] places = [folder, Path.GetDirectoryName(folder)];
        var found = places.FirstOrDefault(p => p is not null && File.Exists(Path.Combine(p, "tokenizer.json")));
        return found is null ? null : Load(found);
    }

    /// <summary>Refuses files that the tokenizer library does not survive, or does not understand, then with its own words.</summary>
    public static Tokenizer Load(string folder)
    {
        TokenizerFiles.Check(folder);
        if (OrtxTokenizer.Create(out var handle, folder) != 0)
            throw new RefusedException("MKA030", folder, $"its tokenizer does not load ({OrtxTokenizer.LastError()})", "Give token ids with --calib-ids");
        return new Tokenizer(handle, folder);
    }

    /// <summary>Token ids of a text, special tokens added as the tokenizer's own rules say; none for an empty text.</summary>
    public int[] Encode(string text)
    {
        if (OrtxTokenizer.Tokenize(_handle, [text], 1, out var batch) != 0) throw Failed("encode");
        try
        {
            if (OrtxTokenizer.TokenIds(batch, 0, out var ids, out var count) != 0) throw Failed("encode");
            if (count == 0) return [];
            var result = new int[checked((int)count)];
            Marshal.Copy(ids, result, 0, result.Length);
            return result;
        }
        finally
        {
            _ = OrtxTokenizer.Dispose(ref batch);
        }
    }

    /// <summary>Text of token ids.</summary>
    public string Decode(ReadOnlySpan<int> ids)
    {
        if (OrtxTokenizer.Detokenize(_handle, MemoryMarshal.Cast<int, uint>(ids).ToArray(), (nuint)ids.Length, out var strings) != 0) throw Failed("decode");
        try
        {
            if (OrtxTokenizer.StringItem(strings, 0, out var text) != 0) throw Failed("decode");
            return Marshal.PtrToStringUTF8(text) ?? "";
        }
        finally
        {
            _ = OrtxTokenizer.Dispose(ref strings);
        }
    }

    public void Dispose()
    {
        if (_handle != 0) _ = OrtxTokenizer.Dispose(ref _handle);
        _handle = 0;
    }

    private RefusedException Failed(string what) =>
        new("MKA030", Folder, $"its tokenizer cannot {what} ({OrtxTokenizer.LastError()})", "Give token ids with --calib-ids");
}

/// <summary>C functions of the tokenizer library; each returns 0 for success.</summary>
internal static partial class OrtxTokenizer
{
    private const string Library = "onnxruntime-genai";

    [LibraryImport(Library, EntryPoint = "OrtxCreateTokenizer", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Create(out nint tokenizer, string folder);

    [LibraryImport(Library, EntryPoint = "OrtxTokenize", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Tokenize(nint tokenizer, string[] texts, nuint count, out nint batch);

    [LibraryImport(Library, EntryPoint = "OrtxTokenId2DArrayGetItem")]
    public static partial int TokenIds(nint batch, nuint index, out nint ids, out nuint count);

    [LibraryImport(Library, EntryPoint = "OrtxDetokenize1D")]
    public static partial int Detokenize(nint tokenizer, uint[] ids, nuint count, out nint strings);

    [LibraryImport(Library, EntryPoint = "OrtxStringArrayGetItem")]
    public static partial int StringItem(nint strings, nuint index, out nint text);

    [LibraryImport(Library, EntryPoint = "OrtxDispose")]
    public static partial int Dispose(ref nint handle);

    public static string LastError() => (Marshal.PtrToStringUTF8(LastErrorMessage()) ?? "no reason given").Split('\n')[0].TrimEnd('.');

    [LibraryImport(Library, EntryPoint = "OrtxGetLastErrorMessage")]
    private static partial nint LastErrorMessage();
}
