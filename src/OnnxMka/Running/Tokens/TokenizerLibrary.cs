using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OnnxMka.Running.Tokens;

/// <summary>
/// The tokenizer functions of ONNX Runtime GenAI's C interface. Its own binding is not used: where a tokenizer does not load, that hands
/// the library a null handle from the finalizer, and the library does not survive it.
/// </summary>
internal sealed partial class TokenizerLibrary : SafeHandleZeroOrMinusOneIsInvalid
{
    private const string Library = "onnxruntime-genai";

    public TokenizerLibrary()
        : base(ownsHandle: true)
    {
    }

    /// <summary>
    /// Loads the tokenizer of a folder that has a <c>genai_config.json</c>; special tokens are added as its own rules say.
    /// </summary>
    /// <exception cref="TokenizerLibraryException">The library's own words.</exception>
    public static TokenizerLibrary Load(string folder)
    {
        Check(CreateTokenizer(folder, out var tokenizer));
        Check(UpdateOptions(tokenizer, ["add_special_tokens"], ["true"], 1));
        return tokenizer;
    }

    /// <exception cref="TokenizerLibraryException">The library's own words.</exception>
    public unsafe int[] Encode(string text)
    {
        Check(CreateSequences(out var sequences));
        try
        {
            Check(Encode(this, text, sequences));
            return new ReadOnlySpan<int>(SequenceData(sequences, 0), checked((int)SequenceCount(sequences, 0))).ToArray();
        }
        finally
        {
            DestroySequences(sequences);
        }
    }

    /// <exception cref="TokenizerLibraryException">The library's own words.</exception>
    public unsafe string Decode(ReadOnlySpan<int> ids)
    {
        nint text;
        fixed (int* first = ids) Check(Decode(this, first, (nuint)ids.Length, out text));
        try
        {
            return Marshal.PtrToStringUTF8(text) ?? "";
        }
        finally
        {
            DestroyString(text);
        }
    }

    protected override bool ReleaseHandle()
    {
        DestroyTokenizer(handle);
        return true;
    }

    /// <summary>A null result is success.</summary>
    private static void Check(nint result)
    {
        if (result == 0) return;
        var words = Marshal.PtrToStringUTF8(Error(result)) ?? "no reason given";
        DestroyResult(result);
        throw new TokenizerLibraryException(words.Split('\n')[0].TrimEnd('.'));
    }

    [LibraryImport(Library, EntryPoint = "OgaCreateTokenizerFromPath", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint CreateTokenizer(string folder, out TokenizerLibrary tokenizer);

    [LibraryImport(Library, EntryPoint = "OgaUpdateTokenizerOptions", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint UpdateOptions(TokenizerLibrary tokenizer, string[] keys, string[] values, nuint count);

    [LibraryImport(Library, EntryPoint = "OgaCreateSequences")]
    private static partial nint CreateSequences(out nint sequences);

    [LibraryImport(Library, EntryPoint = "OgaTokenizerEncode", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Encode(TokenizerLibrary tokenizer, string text, nint sequences);

    [LibraryImport(Library, EntryPoint = "OgaSequencesGetSequenceData")]
    private static unsafe partial int* SequenceData(nint sequences, nuint index);

    [LibraryImport(Library, EntryPoint = "OgaSequencesGetSequenceCount")]
    private static partial nuint SequenceCount(nint sequences, nuint index);

    [LibraryImport(Library, EntryPoint = "OgaTokenizerDecode")]
    private static unsafe partial nint Decode(TokenizerLibrary tokenizer, int* ids, nuint count, out nint text);

    [LibraryImport(Library, EntryPoint = "OgaResultGetError")]
    private static partial nint Error(nint result);

    [LibraryImport(Library, EntryPoint = "OgaDestroyResult")]
    private static partial void DestroyResult(nint result);

    [LibraryImport(Library, EntryPoint = "OgaDestroySequences")]
    private static partial void DestroySequences(nint sequences);

    [LibraryImport(Library, EntryPoint = "OgaDestroyString")]
    private static partial void DestroyString(nint text);

    [LibraryImport(Library, EntryPoint = "OgaDestroyTokenizer")]
    private static partial void DestroyTokenizer(nint tokenizer);
}

/// <summary>The tokenizer library says no.</summary>
internal sealed class TokenizerLibraryException(string message) : Exception(message);
