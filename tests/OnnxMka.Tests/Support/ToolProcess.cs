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
    private static string Executable => Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "onnx-mka.exe" : "onnx-mka");

    public static ToolResult Run(params string[] arguments) => Result(Start(arguments));

    /// <summary>Under a shell's limit on the size of files. .NET's own mapping of code, which that limit would break, is off.</summary>
    public static ToolResult RunWithFilesUpTo(int kilobytes, params string[] arguments)
    {
        var start = Described("/bin/bash", ["-c", "ulimit -f $0 && exec \"$@\"", kilobytes.ToString(), Executable, .. arguments]);
        start.Environment["DOTNET_EnableWriteXorExecute"] = "0";
        return Result(Process.Start(start)!);
    }

    public static Process Start(params string[] arguments) => Process.Start(Described(Executable, arguments))!;

    private static ToolResult Result(Process started)
    {
        using var process = started;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new ToolResult(process.ExitCode, output, errors.Result);
    }

    private static ProcessStartInfo Described(string file, string[] arguments)
    {
        var start = new ProcessStartInfo(file) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        return start;
    }
}
