using OnnxMka.Alignment;
using OnnxMka.Graph;
using OnnxMka.Outcomes;

namespace OnnxMka.Cli;

/// <summary>Runs a verb; what can go wrong becomes one line on stderr and an exit code.</summary>
internal static class ErrorLines
{
    /// <summary>Bugs are not caught: they end with their stack trace.</summary>
    public static int Run(Func<int> verb)
    {
        try
        {
            return verb();
        }
        catch (RefusedException e)
        {
            return Say(e.Message, ExitCode.Refused);
        }
        catch (VerificationException e)
        {
            return Say(e.Message, ExitCode.VerificationFailed);
        }
        catch (QualityGateException e)
        {
            return Say(e.Message, ExitCode.QualityGateMissed);
        }
        catch (UsageException e)
        {
            return Say(e.Message, ExitCode.Usage);
        }
        catch (Exception e) when (e is InputFileException or OutputException or ExecutionTargetException or ScoringDeviceException
            or IOException or UnauthorizedAccessException)
        {
            // The last two: files and folders that others change while the tool is at work, wherever it meets them.
            return Say(e.Message, ExitCode.Failure);
        }
        catch (InterruptedException e)
        {
            return Say(e.Message, ExitCode.Cancelled);
        }
        catch (OperationCanceledException)
        {
            return Say("Cancelled; nothing was written.", ExitCode.Cancelled);
        }
    }

    public static int Say(string line, int code)
    {
        Console.Error.WriteLine("onnx-mka: " + line.ReplaceLineEndings(" "));
        return code;
    }
}

/// <summary>Ended by the user when something had been written already that stays.</summary>
internal sealed class InterruptedException(string kept, Exception inner) : Exception($"Cancelled; {kept}.", inner);

/// <summary>Options that contradict each other or are out of range.</summary>
internal sealed class UsageException(string message) : Exception(message);
