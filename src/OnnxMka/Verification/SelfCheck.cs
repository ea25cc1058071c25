using OnnxMka.Measuring;
using OnnxMka.Running.Sessions;
using OnnxMka.Structure;

namespace OnnxMka.Verification;

/// <summary>
/// A comparison of a model with itself, and what the input shows in it: what is made from the input must show about the same.
/// </summary>
internal sealed record SelfCheck(string Name, Func<DecoderSession, Stepping> Measure, Stepping Input)
{
    private const int Near = Stepping.NearTokens;

    /// <summary>Tokens read one by one at the end of a long text: some with a window that is not yet full, and those beyond.</summary>
    private const int LastSteps = StepProbe.Beyond + 4;

    /// <summary>
    /// The strictest comparison in which the input agrees with itself. Steps are compared with one run, near the start of the text and,
    /// where the graph shows longer constant lengths, past them. A model that is stepped otherwise than this tool does it fails that
    /// itself; then runs over a beginning are compared with runs over the whole. Refuses an input whose logits are not finite (MKA033).
    /// </summary>
    /// <param name="note">Takes what is not compared, for people.</param>
    public static SelfCheck Of(BlockMap original, StepProbe probe, ExecutionTarget target, Action<string> note)
    {
        SelfCheck check;
        using (var session = DecoderSession.Load(original, DecoderPorts.OfProbe(original), target))
            check = Strictest(session, Rounding.Of(original.Model), probe, note);
        return double.IsNaN(check.Input.Difference) ? throw NonFinite.In(original, probe.Ids.AsSpan()[..Near], target) : check;
    }

    /// <summary>The same of another model.</summary>
    public Stepping Again(BlockMap map, ExecutionTarget target)
    {
        using var session = DecoderSession.Load(map, DecoderPorts.OfProbe(map), target);
        var found = Measure(session);
        return found.Failure is { } failure ? throw failure : found;
    }

    private static SelfCheck Strictest(DecoderSession session, double rounding, StepProbe probe, Action<string> note)
    {
        int[] ids = [.. probe.Ids];
        if (session.Ports.TokensAtOnce < Near)
        {
            var atOnce = session.Ports.TokensAtOnce;
            note($"decoding step by step was not checked: the graph reads {atOnce} tokens at once, so there is no run to compare it with");
            return Of("finite logits", s => Finite(s, ids[..Near]), session);
        }

        if (!session.Ports.CanStep) return Prefix(session, ids);
        var near = Of("prefill equals decode", s => Stepping.Of(s, ids.AsSpan(0, Near), Stepping.NearPrefill), session);
        if (!double.IsNaN(near.Input.Difference) && !near.Input.IsUnderstood(rounding))
        {
            note($"decoding step by step is not understood for this model, and was not checked: {Difference(near.Input)}");
            return Prefix(session, ids);
        }

        if (!probe.Passed)
        {
            note(
                $"the graph has a constant length of {probe.Window} tokens and the step check read {ids.Length}: "
                    + "what happens beyond was not checked");
        }

        return ids.Length > Near ? Far(session, near, ids, rounding, note) : near;
    }

    /// <summary>Past the longest constant length, where the input can be read and agrees with itself there.</summary>
    private static SelfCheck Far(DecoderSession session, SelfCheck near, int[] ids, double rounding, Action<string> note)
    {
        Func<DecoderSession, Stepping> beyond = s => Stepping.Of(s, ids, ids.Length - LastSteps);
        SelfCheck far;
        try
        {
            far = Of(near.Name, beyond, session);
        }
        catch (RefusedException e) when (RuntimeSession.Failed(e))
        {
            note($"the step check read {Near} tokens, for the model does not read {ids.Length}: {e.Refusal.Where}: {e.Refusal.What}");
            return near;
        }

        if (double.IsNaN(far.Input.Difference) || far.Input.IsUnderstood(rounding))
            return near with { Measure = s => near.Measure(s).And(beyond(s)), Input = near.Input.And(far.Input) };
        note($"the step check read {Near} tokens, since of {ids.Length}, {Difference(far.Input)}");
        return near;
    }

    private static string Difference(Stepping steps) => steps.Failure is { Refusal: var refusal }
        ? $"the runtime fails at a step that it does not fail at in the whole ({refusal.Where}: {refusal.What})"
        : $"tokens get other answers one by one than at once ({steps.Difference:0.0e+0} of the largest logit)";

    private static SelfCheck Prefix(DecoderSession session, int[] ids) =>
        Of("prefix equals whole", s => Certain(StepCheck.PrefixDifference(s, ids.AsSpan(0, Near))), session);

    private static SelfCheck Of(string name, Func<DecoderSession, Stepping> measure, DecoderSession session) =>
        new(name, measure, measure(session));

    private static Stepping Finite(DecoderSession session, int[] ids) => Certain(session.Logits(ids, 1).Any(float.IsNaN) ? double.NaN : 0);

    /// <summary>A comparison without caches, in which any difference shows.</summary>
    private static Stepping Certain(double difference) => new(difference, double.PositiveInfinity, Near);
}
