namespace OnnxMka.Calibration;

/// <summary>Whether a tokenizer puts a begin-of-sequence token before every text.</summary>
internal static class BeginToken
{
    /// <summary>The token, found by encoding two texts that share no beginning; null where there is none.</summary>
    public static int? Of(Tokenizer tokenizer)
    {
        var first = tokenizer.Encode("a");
        var second = tokenizer.Encode("7");
        return first.Length > 1 && second.Length > 1 && first[0] == second[0] ? first[0] : null;
    }
}
