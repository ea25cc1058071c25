using OnnxMka.Outcomes;
using OnnxMka.Running.Sessions;

namespace OnnxMka.Verification;

internal static class OutputRun
{
    /// <summary>Runs the output where the input ran: what the runtime cannot do then is the output's fault.</summary>
    public static T Of<T>(Func<T> run)
    {
        try
        {
            return run();
        }
        catch (RefusedException e) when (RuntimeSession.Failed(e))
        {
            throw new VerificationException(
                $"The output does not run, though the input does: {e.Refusal.Where}: {e.Refusal.What}. It was removed.", e);
        }
    }
}
