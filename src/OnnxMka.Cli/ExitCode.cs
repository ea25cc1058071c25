namespace OnnxMka.Cli;

/// <summary>What the process tells its caller.</summary>
internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>Missing input, output in the way, disk full, execution provider not usable.</summary>
    public const int Failure = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 2;

    /// <summary>The input is not a supported decoder, or cannot be treated as asked; the line says why.</summary>
    public const int Refused = 3;

    /// <summary>The output did not pass its checks and was removed.</summary>
    public const int VerificationFailed = 4;

    /// <summary>No model keeps within <c>--max-ppl-increase</c>.</summary>
    public const int QualityGateMissed = 5;

    /// <summary>Ctrl-C.</summary>
    public const int Cancelled = 130;
}
