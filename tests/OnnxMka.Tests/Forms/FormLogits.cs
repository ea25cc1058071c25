using OnnxMka.Forge;

namespace OnnxMka.Tests.Forms;

/// <summary>Logits of a built decoder's files on twelve ids of its vocabulary, in one run and token by token.</summary>
internal sealed class FormLogits(DecoderModel built)
{
    /// <summary>Twelve ids of the model's vocabulary.</summary>
    public int[] Tokens { get; } = [.. Enumerable.Range(1, 12).Select(i => i * 37 % built.Spec.Network.Vocabulary)];

    private int Half => Tokens.Length / 2;

    private WeightTensor? Embedding => built.Spec.Form.InputsEmbeds ? built.Weights.Embedding : null;

    public DecoderSession Open(string path) => new(path, Embedding);

    public DecoderSession Open(byte[] model) => new(model, Embedding);

    /// <summary>
    /// Largest difference to what is expected: of one run, and where there is a cache, of the second half decoded token by token.
    /// </summary>
    public double Distance(ReadOnlySpan<float> expected, DecoderSession session)
    {
        var difference = LogitTolerance.Distance(expected, AtOnce(session));
        // Dynamic int8 scales activations by the range of all tokens of a run, so steps are another quantisation.
        if (!session.HasCache || built.Spec.Form.Linear == LinearForm.DynamicInt8) return difference;
        return Math.Max(difference, LogitTolerance.Distance(expected, Stepwise(session)));
    }

    /// <summary>Logits of all positions; where a run gives those of its last token alone, of the second half.</summary>
    public float[] AtOnce(DecoderSession session) => built.Spec.Form.Logits == LogitsForm.Last
        ? [.. Enumerable.Range(Half, Tokens.Length - Half + 1).SelectMany(length => Prefill(session, length))]
        : Prefill(session, Tokens.Length);

    private float[] Prefill(DecoderSession session, int length)
    {
        var step = session.Prefill(Tokens.AsSpan(0, length));
        step.Cache.Dispose();
        return step.Logits;
    }

    private float[] Stepwise(DecoderSession session)
    {
        var step = session.Prefill(Tokens.AsSpan(0, Half));
        var logits = new List<float>(step.Logits);
        for (var i = Half; i < Tokens.Length; i++)
        {
            step = session.Continue(Tokens.AsSpan(i, 1), step.Cache);
            logits.AddRange(step.Logits);
        }

        step.Cache.Dispose();
        return [.. logits];
    }
}
