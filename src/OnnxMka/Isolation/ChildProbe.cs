using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace OnnxMka.Isolation;

/// <summary>
/// Work that native code may abort or never finish, tried in a child process: this program again, told by a first word that a user never
/// types. <see cref="ChildServer"/> is the other side.
/// </summary>
internal static class ChildProbe
{
    private const int HungUp = 128 + 1; // SIGHUP
    private const int Interrupted = 128 + 2; // SIGINT

    /// <summary>Between two looks at the child and at Ctrl-C.</summary>
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(50);

    /// <summary>False where the program that uses this library does not serve probes: <see cref="ServesProbesAttribute"/>.</summary>
    public static bool IsAvailable => ChildProgram.Current is not null;

    /// <summary>
    /// Starts the child, waits for it, and ends it where it takes longer than <paramref name="limit"/> or is cancelled. A refusal of the
    /// child is thrown here as its own. Throws <see cref="InvalidOperationException"/> where probes are not available, and for a bug in the
    /// child.
    /// </summary>
    public static ChildOutcome Run(string verb, IEnumerable<string> arguments, TimeSpan limit, CancellationToken ct) =>
        Run(ChildProgram.Current ?? throw new InvalidOperationException("This program serves no probes."), [verb, .. arguments], limit, ct);

    internal static ChildOutcome Run(ChildProgram program, IEnumerable<string> arguments, TimeSpan limit, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        using var child = Start(program, arguments);
        var output = child.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var errors = child.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            // Slices are counted, not a clock read: a run that Ctrl-Z stops for an hour has not spent it.
            for (var spent = TimeSpan.Zero; !child.WaitForExit(Slice); spent += Slice)
            {
                ct.ThrowIfCancellationRequested();
                if (spent >= limit) return ChildOutcome.TimeOut(limit, End(child, errors));
            }

            // Ctrl-C reaches both. Before the child looks away from it, it may be ended by it, and that is no fault of what it tries.
            if (child.ExitCode is Interrupted or HungUp) throw new OperationCanceledException(ct);
            return ChildServer.Outcome(child.ExitCode, output.GetAwaiter().GetResult(), errors.GetAwaiter().GetResult());
        }
        finally
        {
            if (!child.HasExited) End(child, errors);
        }
    }

    private static Process Start(ChildProgram program, IEnumerable<string> arguments)
    {
        // The child ends when its standard input does: with this process, however that ends.
        var start = new ProcessStartInfo(program.File, [.. program.Before, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0"; // a short life gives nothing back
        foreach (var (name, value) in program.Environment) start.Environment[name] = value;
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new IOException($"Cannot start a child process: {e.Message}.", e);
        }
    }

    private static string End(Process child, Task<string> errors)
    {
        child.Kill(entireProcessTree: true);
        child.WaitForExit();
        return errors.GetAwaiter().GetResult();
    }
}
