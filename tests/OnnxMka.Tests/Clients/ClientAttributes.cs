using System.Diagnostics;

namespace OnnxMka.Tests.Clients;

/// <summary>A test that runs a client in Node. Skipped, with the reason, where Node or its packages are not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NodeFactAttribute : FactAttribute
{
    public NodeFactAttribute(string package) => Skip = Installed.MissingPackage(package);
}

/// <summary>The same with data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NodeTheoryAttribute : TheoryAttribute
{
    public NodeTheoryAttribute(string package) => Skip = Installed.MissingPackage(package);
}

/// <summary>A test that runs a page in Chromium. Skipped, with the reason, where it is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ChromiumFactAttribute : FactAttribute
{
    public ChromiumFactAttribute() =>
        Skip = Installed.MissingPackage("onnxruntime-web") ?? Installed.MissingCommand("chromium", "--version", "apt-get install chromium");
}

/// <summary>A test that runs ONNX's checker. Skipped, with the reason, where Debian's package is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CheckerTheoryAttribute : TheoryAttribute
{
    public CheckerTheoryAttribute() => Skip = Installed.MissingCommand(Installed.Python, "-c import onnx", "apt-get install python3-onnx");
}

/// <summary>What this machine has.</summary>
internal static class Installed
{
    /// <summary>Debian's own, which is where its packages are.</summary>
    public const string Python = "/usr/bin/python3";

    public static string ClientFolder => Path.Combine(Books16.Root, "tests", "clients");

    /// <summary>Why a client cannot run; null where it can.</summary>
    public static string? MissingPackage(string package) =>
        Directory.Exists(Path.Combine(ClientFolder, "node_modules", package))
            ? MissingCommand("node", "--version", "Node 20")
            : $"{package} is not installed: npm ci --ignore-scripts in tests/clients";

    public static string? MissingCommand(string command, string arguments, string remedy)
    {
        var start = new ProcessStartInfo(command) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in arguments.Split(' ', 2)) start.ArgumentList.Add(argument);
        try
        {
            using var process = Process.Start(start)!;
            process.WaitForExit();
            return process.ExitCode == 0 ? null : $"{command} {arguments} fails: {remedy}";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return $"{command} is not installed: {remedy}";
        }
    }
}
