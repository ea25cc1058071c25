using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace OnnxMka.Tests.Clients;

/// <summary>One of the scripts in <c>tests/clients</c>, run to its end.</summary>
internal static class ClientProcess
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    /// <summary>Token ids that a script printed.</summary>
    public static int[] Tokens(string script, string folder, int count) =>
        JsonSerializer.Deserialize<int[]>(Succeed(Node(script, folder, Count(count), Ids)))!;

    public static ToolResult Node(string script, params string[] arguments) =>
        Run("node", [Path.Combine(Installed.ClientFolder, script), .. arguments]);

    public static ToolResult Python(string script, params string[] arguments) =>
        Run(Installed.Python, [Path.Combine(Installed.ClientFolder, script), .. arguments]);

    public static string Succeed(ToolResult result)
    {
        Assert.True(result.ExitCode == 0, result.Errors);
        return result.Output;
    }

    public static string Count(int count) => count.ToString(CultureInfo.InvariantCulture);

    /// <summary>The prompt as the scripts take it.</summary>
    public static string Ids => string.Join(',', Books16.Prompt);

    private static ToolResult Run(string command, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(command) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(Limit))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{command} did not end within {Limit}");
        }

        return new ToolResult(process.ExitCode, output.Result, errors.Result);
    }
}
