namespace OnnxMka.Isolation;

/// <summary>How a child process came to its end.</summary>
internal enum ChildEnd
{
    Answered,

    /// <summary>By a signal, or with an exit code that no probe gives: native code did that.</summary>
    Died,

    TimedOut,
}

/// <summary>What became of a probe.</summary>
/// <param name="Text">The answer; else how it ended, as a part of a sentence: <c>was ended by SIGSEGV</c>.</param>
/// <param name="Errors">The end of what it wrote on stderr: what native code says before it aborts.</param>
internal sealed record ChildOutcome(ChildEnd End, string Text, string Errors)
{
    /// <summary>On Unix an exit code of 128 and more is a signal's number added to that; on Windows it is the exception's status.</summary>
    private const int FirstSignal = 128;

    internal static ChildOutcome Answer(string text) => new(ChildEnd.Answered, text, "");

    internal static ChildOutcome TimeOut(TimeSpan limit, string errors) =>
        new(ChildEnd.TimedOut, $"did not come to an end within {limit.TotalSeconds:0} s", errors);

    internal static ChildOutcome Death(int exitCode, string errors) =>
        new(
            ChildEnd.Died,
            exitCode is > FirstSignal and < 2 * FirstSignal && !OperatingSystem.IsWindows()
                ? $"was ended by {Signal(exitCode - FirstSignal)}"
                : $"ended with exit code {Code(exitCode)}",
            errors);

    /// <summary>A number that Linux and macOS count differently is told as the system that runs this counts it.</summary>
    private static string Signal(int number) => number switch
    {
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 when OperatingSystem.IsLinux() => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 when OperatingSystem.IsMacOS() => "SIGBUS",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        _ => $"signal {number}",
    };

    private static string Code(int exitCode) => exitCode is >= 0 and < 2 * FirstSignal ? exitCode.ToString() : $"0x{exitCode:X8}";
}
