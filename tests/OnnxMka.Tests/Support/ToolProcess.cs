using System.Diagnostics;

namespace OnnxMka.Tests;

/// <summary>What a run of the command left.</summary>
internal sealed record ToolResult(int ExitCode, string Output, string Errors)
{
    public string[] ErrorLines => Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>Runs the real command in a process of its own.</summary>
internal static class ToolProcess
{
    public static string Executable => Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "onnx-mka.exe" : "onnx-mka");

    /// <summary>
    /// Removals without the correction that comes by itself, which takes seconds: tests of other things say nothing of it. What is asked
    /// for stays.
    /// </summary>
    public static ToolResult Run(params string[] arguments) => Result(Start(arguments));

    /// <summary>The command as it is typed, with all that comes by itself.</summary>
    public static ToolResult RunAsTyped(params string[] arguments) => Result(Process.Start(Started(Executable, arguments))!);

    public static ToolResult RunIn(string folder, params string[] arguments)
    {
        var start = Described(Executable, arguments);
        start.WorkingDirectory = folder;
        return Result(Process.Start(start)!);
    }

    /// <summary>By a shell, for which the command is "$@".</summary>
    public static ToolResult RunInShell(string script, params string[] arguments) =>
        Result(Process.Start(Described("/bin/bash", ["-c", script, "bash", Executable, .. arguments]))!);

    /// <summary>Under a shell's limit on the size of files. .NET's own mapping of code, which that limit would break, is off.</summary>
    public static ToolResult RunWithFilesUpTo(int kilobytes, params string[] arguments)
    {
        var start = Described("/bin/bash", ["-c", "ulimit -f $0 && exec \"$@\"", kilobytes.ToString(), Executable, .. arguments]);
        start.Environment["DOTNET_EnableWriteXorExecute"] = "0";
        return Result(Process.Start(start)!);
    }

    /// <summary>
    /// Under strace, which writes the named system calls of all threads, with the paths of descriptors, to a file, and in that environment
    /// alone.
    /// </summary>
    public static ToolResult RunTraced(
        string trace, IEnumerable<string> calls, IReadOnlyDictionary<string, string?> environment, params string[] arguments)
    {
        // The question mark: a processor may not have that call.
        string[] tracing =
        [
            "-f",
            "-qq",
            "-y",
            "--seccomp-bpf",
            "-s",
            "4096",
            "-o",
            trace,
            "-e",
            "trace=" + string.Join(',', calls.Select(c => "?" + c)),
        ];
        var start = Described("strace", [.. tracing, Executable, .. arguments]);
        start.Environment.Clear();
        foreach (var (name, value) in environment.Where(e => e.Value is not null)) start.Environment[name] = value;
        return Result(Process.Start(start)!);
    }

    /// <summary>
    /// Signals as a terminal gives them: what starts the tests in the background may have them ignored, and that is inherited.
    /// </summary>
    public static Process Start(params string[] arguments) => Process.Start(OperatingSystem.IsLinux()
        ? Described("/usr/bin/env", ["--default-signal=INT,HUP", Executable, .. arguments])
        : Described(Executable, arguments))!;

    public static Process StartWithInput(params string[] arguments)
    {
        var start = Described(Executable, arguments);
        start.RedirectStandardInput = true;
        return Process.Start(start)!;
    }

    private static ToolResult Result(Process started)
    {
        using var process = started;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new ToolResult(process.ExitCode, output, errors.Result);
    }

    private static ProcessStartInfo Described(string file, string[] arguments) => Started(file, Bare(arguments));

    private static string[] Bare(string[] arguments)
    {
        string[] amounts = ["--ratio", "--layers-removed", "--blocks", "--target-size", "--max-ppl-increase"];
        var removes = arguments.Any(a => amounts.Contains(a.Split('=')[0]))
            && !arguments.Any(a => a is "sweep" or "score" or "best" or "--help");
        if (!removes || arguments.Any(a => a.StartsWith("--compensate", StringComparison.Ordinal))) return arguments;
        // What stands behind two dashes is a name.
        var end = Array.IndexOf(arguments, "--") is >= 0 and var dashes ? dashes : arguments.Length;
        return [.. arguments[..end], "--compensate", "none", .. arguments[end..]];
    }

    private static ProcessStartInfo Started(string file, string[] arguments)
    {
        var start = new ProcessStartInfo(file) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        return start;
    }
}
