using System.Text;
using OnnxMka.Isolation;

namespace OnnxMka.Running.Tokens;

/// <summary>
/// A tokenizer's first use, in a child process: the library ends the process on some patterns and hardly ever returns on others, by the
/// text that it is given. Where the program serves no probes, the checks of <see cref="TokenizerFiles"/> stand alone.
/// </summary>
internal static class TokenizerProbe
{
    public const string Verb = "tokenizer";

    /// <summary>
    /// For the 340 kB of text that are tried, which the library takes some 0.3 s for on an idle core. A pattern that takes quadratic time
    /// needs hours for it: one that is let through is fit for files of any length.
    /// </summary>
    private const int TextSeconds = 20;

    /// <summary>Loading takes 0.1 s a megabyte on an idle core.</summary>
    private const int SecondsPerMegabyte = 2;

    private const int RunLength = 2_000;

    /// <summary>Every 16th character of the first two planes: patterns have ranges by script and by block.</summary>
    private const int Stride = 16;

    private const int Planes = 0x20000;

    /// <summary>Refuses (MKA030) a tokenizer that the library does not survive, or does not come to an end with.</summary>
    public static void Check(TokenizerStage stage, string folder, CancellationToken ct)
    {
        if (!ChildProbe.IsAvailable) return;
        var limit = TimeSpan.FromSeconds(TextSeconds + (SecondsPerMegabyte * (stage.Bytes >> 20)));
        var outcome = ChildProbe.Run(Verb, [stage.Folder], limit, ct);
        if (outcome.End != ChildEnd.Answered)
        {
            throw new RefusedException(
                "MKA030",
                folder,
                $"its tokenizer {outcome.Text} when it was tried on text of many scripts",
                "Give token ids with --calib-ids");
        }
    }

    /// <summary>The child's part. What the library refuses in its own words it refuses again in the parent.</summary>
    public static string Answer(IReadOnlyList<string> arguments)
    {
        try
        {
            using var library = TokenizerLibrary.Load(arguments[0]);
            foreach (var text in SampleTexts()) _ = library.Decode(library.Encode(text));

            return "";
        }
        catch (TokenizerLibraryException e)
        {
            return e.Message;
        }
    }

    internal static IEnumerable<string> SampleTexts()
    {
        yield return TextSource.BuiltInCalibration.Text;
        var all = new StringBuilder();
        for (var code = Stride; code < Planes; code += Stride)
            if (Rune.IsValid(code)) all.Append(new Rune(code).ToString()).Append(code % (8 * Stride) == 0 ? " " : "");
        yield return all.ToString();
        foreach (var character in "a1 !中\n") yield return new string(character, RunLength);
    }
}
