namespace OnnxMka.Forge.Tests;

/// <summary>Runs of models on fixed tokens.</summary>
internal static class Runs
{
    public const int Length = 20;
    private const int PromptLength = 8;

    public static int[] Tokens(DecoderModel model, int length = Length) =>
        [.. Enumerable.Range(0, length).Select(i => (i * 37 + 11) % model.Spec.Network.Vocabulary)];

    public static float[] Prefill(DecoderModel model, int length = Length)
    {
        using var session = new DecoderSession(DecoderForge.Build(model), model.Weights.Embedding);
        return Prefill(session, Tokens(model, length));
    }

    public static float[] Prefill(DecoderSession session, int[] tokens)
    {
        var step = session.Prefill(tokens);
        step.Cache.Dispose();
        return step.Logits;
    }

    /// <summary>
    /// The same logits from a short prompt and one token at a time; where a run gives the last position's alone, those of the last step.
    /// </summary>
    public static float[] Stepwise(DecoderSession session, int[] tokens)
    {
        var step = session.Prefill(tokens.AsSpan(0, PromptLength));
        var logits = new List<float>(step.Logits);
        for (var i = PromptLength; i < tokens.Length; i++)
        {
            step = session.Continue(tokens.AsSpan(i, 1), step.Cache);
            logits.AddRange(step.Logits);
        }

        step.Cache.Dispose();
        return logits.Count < tokens.Length * step.Width ? step.Logits : [.. logits];
    }

    public static double Tolerance(DecoderModel model, float[] logits) => model.Spec.Form.Linear == LinearForm.DynamicInt8
        ? LogitTolerance.ForDynamicInt8(model, logits)
        : LogitTolerance.For(model, logits);
}
