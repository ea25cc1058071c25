using System.Diagnostics;
using System.Runtime.InteropServices;

namespace OnnxMka.Benchmarks;

/// <summary>What figures depend on: processor, memory, versions, and how busy the machine was.</summary>
internal static class Machine
{
    public const string Python = "/usr/bin/python3";

    public static string Describe()
    {
        var processor = Lines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?
            .Split(':')[1]
            .Trim()
            ?? RuntimeInformation.ProcessArchitecture.ToString();
        var load = Lines("/proc/loadavg").FirstOrDefault()?.Split(' ')[0] ?? "unknown";
        return $"{processor}, {Environment.ProcessorCount} cores, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9:0} GB, "
            + $"{RuntimeInformation.OSDescription}, "
            + $"{RuntimeInformation.FrameworkDescription}, ONNX Runtime {Microsoft.ML.OnnxRuntime.OrtEnv.Instance().GetVersionString()}, "
            + $"{PythonVersions()}. Load at the start: {load}.";
    }

    /// <summary>Whether Debian's Python can import a module.</summary>
    public static bool HasPython(string module) => Ask($"import {module}") is not null;

    private static string PythonVersions() =>
        Ask("import numpy, sklearn, onnx; print(f'numpy {numpy.__version__}, scikit-learn {sklearn.__version__}, onnx {onnx.__version__}')")
            ?? "no Python rivals";

    private static string? Ask(string script)
    {
        if (!File.Exists(Python)) return null;
        using var process = Process.Start(
            new ProcessStartInfo(Python, ["-c", script])
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
                UseShellExecute = false,
            })!;
        var answer = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return process.ExitCode == 0 ? answer : null;
    }

    private static IEnumerable<string> Lines(string path) => File.Exists(path) ? File.ReadLines(path) : [];
}
