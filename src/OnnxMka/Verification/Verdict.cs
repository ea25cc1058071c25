using OnnxMka.Runtime;

namespace OnnxMka.Verification;

/// <summary>One check of the output and its outcome.</summary>
/// <param name="Value">What was measured.</param>
/// <param name="Tolerance">The most that is allowed.</param>
/// <param name="Derivation">Where the tolerance comes from.</param>
public sealed record Verdict(string Check, double Value, double Tolerance, string Derivation)
{
    /// <summary>False for a value that is no number, too.</summary>
    public bool Passed => Value <= Tolerance;
}

/// <summary>The output does not do what the plan says; it was removed.</summary>
public sealed class VerificationException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Runs the output where the input ran: what the runtime cannot do then is the output's fault.</summary>
    internal static T OfOutput<T>(Func<T> run)
    {
        try
        {
            return run();
        }
        catch (RefusedException e) when (RuntimeSession.Failed(e))
        {
            throw new VerificationException($"The output does not run, though the input does: {e.Refusal.Where}: {e.Refusal.What}. It was removed.", e);
        }
    }
}
