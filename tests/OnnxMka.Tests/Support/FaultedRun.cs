using System.Diagnostics;
using System.Text.RegularExpressions;

namespace OnnxMka.Tests;

/// <summary>A system call of a run.</summary>
/// <param name="Thread">That made it.</param>
/// <param name="Number">Among that thread's calls of that name, from 1.</param>
internal sealed record SystemCall(int Thread, string Name, int Number, string Line)
{
    public bool IsInjected => Line.EndsWith("(INJECTED)", StringComparison.Ordinal);
}

/// <summary>
/// Runs the command under strace from the moment at which it waits for the plan that it replays, so that calls of .NET's own start are
/// neither counted nor hit. Each thread counts its own calls.
/// </summary>
internal static partial class FaultedRun
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);

    /// <summary>Why there can be none here; null where there can.</summary>
    public static readonly Lazy<string?> Problem = new(() =>
    {
        if (Clients.Installed.MissingCommand("strace", "-qq true", "apt-get install strace, and permission to trace") is { } missing)
            return missing;
        using var sleeper = Process.Start("sleep", "60");
        using var tracer = Trace(sleeper, "/dev/null", []);
        var attached = Attached(tracer);
        sleeper.Kill();
        tracer.WaitForExit();
        return attached ? null : "strace may not attach to a process that runs (kernel.yama.ptrace_scope)";
    });

    /// <param name="calls">Names of system calls to write down.</param>
    /// <param name="inject">What strace does to one of them; null for nothing.</param>
    public static (ToolResult Result, SystemCall[] Calls) Run(
        string plan, string trace, IEnumerable<string> calls, string? inject, params string[] arguments)
    {
        using var process = ToolProcess.StartWithInput([.. arguments, "--plan", "/dev/stdin"]);
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        var watch = Stopwatch.StartNew();
        while (!process.HasExited && !HasOpenedInput(process.Id) && watch.Elapsed < Longest) Thread.Sleep(2);
        string[] injecting = inject is null ? [] : ["-e", "inject=" + inject];
        using var tracer = Trace(process, trace, ["-e", "trace=" + string.Join(',', calls.Select(c => "?" + c)), .. injecting]);
        if (!Attached(tracer)) throw new InvalidOperationException($"strace did not attach; the tool said: {errors.Result}");
        process.StandardInput.Write(plan);
        process.StandardInput.Close();
        if (!process.WaitForExit(Longest)) process.Kill();
        process.WaitForExit();
        tracer.WaitForExit();
        return (new ToolResult(process.ExitCode, output.Result, errors.Result), Parse(File.ReadAllLines(trace)));
    }

    private static Process Trace(Process process, string trace, string[] options)
    {
        string[] arguments = ["-f", "-y", "-s", "4096", "-o", trace, .. options, "-p", process.Id.ToString()];
        return Process.Start(new ProcessStartInfo("strace", arguments) { RedirectStandardError = true, UseShellExecute = false })!;
    }

    private static bool Attached(Process tracer)
    {
        var line = tracer.StandardError.ReadLine();
        _ = tracer.StandardError.ReadToEndAsync(); // a line for each thread, which nobody needs and a full pipe would hold up
        return line?.Contains("attached", StringComparison.Ordinal) == true;
    }

    /// <summary>The pipe of its standard input is open twice.</summary>
    private static bool HasOpenedInput(int process)
    {
        try
        {
            var links = Directory.GetFileSystemEntries($"/proc/{process}/fd").Select(f => new FileInfo(f).LinkTarget).ToArray();
            var input = new FileInfo($"/proc/{process}/fd/0").LinkTarget;
            return links.Count(l => l == input) > 1;
        }
        catch (IOException)
        {
            return false; // a descriptor was closed while they were listed
        }
    }

    private static SystemCall[] Parse(string[] lines)
    {
        var counts = new Dictionary<(int, string), int>();
        var calls = new List<SystemCall>();
        foreach (var line in lines)
        {
            if (Call().Match(line) is not { Success: true } match) continue;
            var (thread, name) = (
                int.Parse(match.Groups["thread"].ValueSpan, System.Globalization.CultureInfo.InvariantCulture),
                match.Groups["name"].Value);
            var number = counts[(thread, name)] = counts.GetValueOrDefault((thread, name)) + 1;
            calls.Add(new SystemCall(thread, name, number, line));
        }

        return [.. calls];
    }

    [GeneratedRegex(@"^(?<thread>[0-9]+) +(?<name>[a-z0-9_]+)\(", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Call();
}

/// <summary>A test that injects faults into system calls of a run. Skipped, with the reason, where strace cannot do that.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FaultFactAttribute : FactAttribute
{
    public FaultFactAttribute() => Skip = FaultedRun.Problem.Value;
}
