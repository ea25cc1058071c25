using System.Numerics.Tensors;
using OnnxMka.Runtime;

namespace OnnxMka.Verification;

/// <summary>Prefill against step-by-step decoding: the same tokens in one run and one by one through the KV cache.</summary>
public static class StepCheck
{
    public const int PrefillTokens = 8;
    public const int DecodeSteps = 8;

    /// <summary>
    /// Largest difference of any logit, relative to the largest logit, over the decode steps; NaN where a logit is not finite.
    /// </summary>
    /// <param name="ids">At least 16 token ids.</param>
    public static double Difference(DecoderSession session, ReadOnlySpan<int> ids)
    {
        var whole = session.Logits(ids[..(PrefillTokens + DecodeSteps)], 1);
        if (!session.Ports.HasCache) return PrefixDifference(session, ids, whole);
        var vocabulary = whole.Length / (PrefillTokens + DecodeSteps);
        session.Restart();
        var worst = Compare(session.Step(ids[..PrefillTokens]), whole.AsSpan(0, PrefillTokens * vocabulary));
        for (var i = PrefillTokens; i < PrefillTokens + DecodeSteps; i++)
            worst = Worse(worst, Compare(session.Step(ids.Slice(i, 1)), whole.AsSpan(i * vocabulary, vocabulary)));
        session.Restart();
        return worst / Scale(whole);
    }

    /// <summary>Without a cache: a prefix run alone gives the same logits, so no position looks ahead.</summary>
    private static double PrefixDifference(DecoderSession session, ReadOnlySpan<int> ids, float[] whole)
    {
        var prefix = session.Logits(ids[..PrefillTokens], 1);
        return Compare(prefix, whole.AsSpan(0, prefix.Length)) / Scale(whole);
    }

    private static double Compare(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        if (TensorPrimitives.Sum(a) is var sum && !float.IsFinite(sum)) return double.NaN;
        var difference = new float[a.Length];
        TensorPrimitives.Subtract(a, b, difference);
        return TensorPrimitives.MaxMagnitude<float>(difference) is var max ? Math.Abs(max) : double.NaN;
    }

    private static double Scale(ReadOnlySpan<float> logits) => Math.Abs(TensorPrimitives.MaxMagnitude(logits));

    /// <summary>NaN wins.</summary>
    private static double Worse(double a, double b) => double.IsNaN(a) || double.IsNaN(b) ? double.NaN : Math.Max(a, b);
}
