using OnnxMka.Running.Sessions;

namespace OnnxMka.Measuring;

/// <summary>Prefill against step-by-step decoding: the same tokens in one run and one by one through the KV cache.</summary>
internal static class StepCheck
{
    public const int PrefillTokens = Stepping.NearPrefill;
    public const int DecodeSteps = Stepping.NearTokens - Stepping.NearPrefill;

    /// <summary>
    /// Largest difference of any logit, relative to the largest logit, over the decode steps; NaN where a logit is not finite. Without a
    /// cache: between a beginning alone and within the whole.
    /// </summary>
    /// <param name="ids">At least 16 token ids.</param>
    public static double Difference(DecoderSession session, ReadOnlySpan<int> ids) =>
        session.Ports.CanStep && session.Ports.TokensAtOnce is null
            ? Stepping.Of(session, ids[..Stepping.NearTokens], PrefillTokens).Difference
            : PrefixDifference(session, ids[..Stepping.NearTokens]);

    /// <summary>A beginning run alone gives the same logits as within the whole, so no position looks ahead.</summary>
    internal static double PrefixDifference(DecoderSession session, ReadOnlySpan<int> ids)
    {
        var whole = session.Logits(ids, 1);
        var width = whole.Length / ids.Length;
        var prefix = session.Logits(ids[..PrefillTokens], 1);
        return LogitRows.Distance(prefix, whole.AsSpan(0, PrefillTokens * width)) / LogitRows.Scale(whole);
    }
}
