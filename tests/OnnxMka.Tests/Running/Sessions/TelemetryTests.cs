using System.Text.RegularExpressions;
using OnnxMka.Graph;

namespace OnnxMka.Tests.Running.Sessions;

/// <summary>
/// A whole run speaks with nobody, and writes nowhere but where the result goes and, while it lasts, into the temporary folder.
/// </summary>
public sealed partial class TelemetryTests : IDisposable
{
    private static readonly string[] Calls =
    [
        "socket", "connect", "open", "openat", "openat2", "creat", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "link", "linkat",
        "symlink", "symlinkat",
    ];

    private readonly TempFolder _folder = new();

    public TelemetryTests()
    {
        foreach (var name in new[] { "home", "tmp", "out" }) Directory.CreateDirectory(_folder[name]);
    }

    public void Dispose() => _folder.Dispose();

    [StraceFact]
    public void Of_a_whole_run_nothing_is_sent_and_nothing_stays_outside_the_result()
    {
        string[] few = ["--calib-samples", "32", "--seq-len", "16", "--eval-samples", "4", "--ep", "cpu", "--quiet"];
        var trace = Run(null, [Books16.Folder, _folder["out/model"], "--ratio", "0.25", "--plan-out", _folder["out/plan.json"], .. few]);
        Assert.Contains(trace, line => line.Contains(_folder["out"], StringComparison.Ordinal));
        Assert.Empty(Outside(trace));
        Assert.Empty(Directory.GetFileSystemEntries(_folder["home"], "*", SearchOption.AllDirectories));
        Assert.Empty(Directory.GetFileSystemEntries(_folder["tmp"]));
    }

    /// <summary>A command in which the runtime came up before it was told.</summary>
    [StraceFact]
    public void A_runtime_that_was_not_told_is_noticed() =>
        Assert.Contains(
            Outside(Run(typeof(StartupHook).Assembly.Location, "inspect", Books16.Folder)),
            line => line.Contains(_folder["home"], StringComparison.Ordinal));

    /// <summary>
    /// As a user's terminal starts it: the runtime itself is silent where it finds itself in continuous integration (<c>CI</c>,
    /// <c>GITHUB_ACTIONS</c> and the like), and then nothing here could fail. So of this environment only what .NET needs is inherited.
    /// </summary>
    private string[] Run(string? hook, params string[] arguments)
    {
        var environment = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["HOME"] = _folder["home"],
            ["TMPDIR"] = _folder["tmp"],
            ["DOTNET_STARTUP_HOOKS"] = hook,
        };
        foreach (var kept in new[] { "PATH", "DOTNET_ROOT", "LD_LIBRARY_PATH" })
            environment[kept] = Environment.GetEnvironmentVariable(kept);
        var result = ToolProcess.RunTraced(_folder["trace"], Calls, environment, arguments);
        Assert.Equal("", result.Errors);
        Assert.Equal(0, result.ExitCode);
        return File.ReadAllLines(_folder["trace"]);
    }

    /// <summary>Sockets to other machines, and files written anywhere else.</summary>
    private string[] Outside(string[] trace) =>
        [.. trace.Where(line => Socket().IsMatch(line) || (Written(line) is { } path && !IsInside(path)))];

    /// <summary>The file that a call creates or opens to write; null where it does not, or fails.</summary>
    private static string? Written(string line) => !Failed().IsMatch(line) && Write().Match(line) is { Success: true } match
        ? Path.Combine(match.Groups["folder"].Value, match.Groups["path"].Value)
        : null;

    /// <summary>The names of threads are written to the process's own files.</summary>
    private bool IsInside(string path) =>
        RealPath.IsInside(path, _folder["out"]) || RealPath.IsInside(path, _folder["tmp"]) || path is "/dev/null" or "/dev/tty"
        || ThreadName().IsMatch(path);

    [GeneratedRegex(@"(socket|connect)\(.*AF_(INET|NETLINK)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Socket();

    /// <summary>Of a name that is given with the descriptor of a folder, that folder too; of two names the second.</summary>
    [GeneratedRegex(
        """(open|openat|openat2)\(([^,"<]*<(?<folder>[^>]*)>, )?"(?<path>[^"]*)".*(O_WRONLY|O_RDWR|O_CREAT)|"""
            + """(creat|mkdir|mkdirat|rename|renameat|renameat2|link|linkat|symlink|symlinkat)"""
            + """\((.*<(?<folder>[^>]*)>, )?(.*, )?"(?<path>[^"]*)"[^"]*$""",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        1000)]
    private static partial Regex Write();

    [GeneratedRegex("= -1 E[A-Z]+ \\([^)]*\\)$", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Failed();

    [GeneratedRegex("^/proc/self/task/[0-9]+/comm$", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex ThreadName();
}
