using System.Diagnostics;

namespace OnnxMka.Tests.Forms;

/// <summary>
/// Damaged models through load, calibrate, drop, write, step and evaluate, in child processes: a few of what <c>make soak</c> tries twenty
/// thousand of.
/// </summary>
public sealed class DamagedRunTests
{
    private const int Cases = 48;

    [Fact]
    public void Damaged_models_are_treated_or_refused_and_crashes_of_the_runtime_contained()
    {
        var start = new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "OnnxMka.Fuzzer.exe" : "OnnxMka.Fuzzer"), [$"{Cases}"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
        };
        using var fuzzer = Process.Start(start)!;
        var report = fuzzer.StandardOutput.ReadToEnd();
        fuzzer.WaitForExit();
        Assert.True(fuzzer.ExitCode == 0, report);
        // The control: that many cases were run, some of them to their end.
        var counts = report.Split('\n')
            .Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(w => w is [_, "Done" or "Refused"])
            .ToDictionary(w => w[1], w => int.Parse(w[0]));
        Assert.InRange(counts["Done"], 4, Cases);
        Assert.InRange(counts["Refused"], 4, Cases);
    }
}
