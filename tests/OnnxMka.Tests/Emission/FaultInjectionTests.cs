using System.Collections.Concurrent;
using Xunit.Abstractions;

namespace OnnxMka.Tests.Emission;

/// <summary>
/// A run is killed at a system call, or one fails: whichever it is, the old model stands, or the new one, or nothing, and never a part.
/// What a killed run left half done the next one undoes. <c>INJECT_CASES</c> kills and as many errors, drawn with <c>INJECT_SEED</c>.
/// </summary>
public sealed class FaultInjectionTests(ITestOutputHelper output)
{
    /// <summary>What may fail, and how.</summary>
    private static readonly Dictionary<string, string[]> Errors = new(StringComparer.Ordinal)
    {
        ["rename"] = ["EIO", "ENOSPC", "EACCES"],
        ["unlink"] = ["EIO", "EACCES"],
        ["rmdir"] = ["EIO"],
        ["fsync"] = ["EIO", "ENOSPC"],
        ["fallocate"] = ["EIO", "ENOSPC", "EFBIG"],
        ["ftruncate"] = ["EIO", "EFBIG"],
        ["write"] = ["EIO", "ENOSPC", "EDQUOT"],
        ["pwrite64"] = ["EIO", "ENOSPC", "EDQUOT"],
        ["openat"] = ["EIO", "EMFILE", "EACCES", "ENOSPC"],
        ["flock"] = ["EIO", "EAGAIN"],
        ["mkdir"] = ["EIO", "ENOSPC"],
    };

    /// <summary>The same under the names that other processors have for them.</summary>
    private static readonly Dictionary<string, string> Aliases = new(StringComparer.Ordinal)
    {
        ["renameat"] = "rename",
        ["renameat2"] = "rename",
        ["unlinkat"] = "unlink",
        ["mkdirat"] = "mkdir",
    };

    private static int Setting(string name, int fallback) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), out var value) ? value : fallback;

    [FaultFact]
    public void A_fault_leaves_the_old_model_the_new_one_or_nothing()
    {
        var (count, seed) = (Setting("INJECT_CASES", 3), Setting("INJECT_SEED", 1));
        var scenarios = FaultScenario.All(count < 10);
        var points = scenarios.SelectMany(Points).ToArray();
        var outcomes = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        var failures = new ConcurrentQueue<string>();
        Parallel.For(0, 2 * count, new ParallelOptions { MaxDegreeOfParallelism = 2 }, i =>
        {
            var random = new Random(HashCode.Combine(seed, i));
            // Every kind of call as often as any other, however many there are of it.
            var kinds = points.GroupBy(p => (p.Scenario.Name, p.Call.Name)).ToArray();
            var kind = kinds[i / 2 % kinds.Length].ToArray();
            var (scenario, call) = kind[random.Next(kind.Length)];
            var errors = Errors[Aliases.GetValueOrDefault(call.Name, call.Name)];
            var fault = i % 2 == 0 ? "signal=KILL" : "error=" + errors[random.Next(errors.Length)];
            var what = $"{scenario.Name}: {fault} at {call.Name} {call.Number} (INJECT_SEED={seed}, case {i})";
            try
            {
                outcomes.AddOrUpdate(Outcome(scenario, $"case{i}", $"{call.Name}:{fault}:when={call.Number}", fault), 1, (_, n) => n + 1);
            }
            catch (Exception e)
            {
                failures.Enqueue($"{what}: {e.Message}");
            }
        });
        foreach (var scenario in scenarios) scenario.Dispose();
        var names = points.Select(p => p.Call.Name).Distinct(StringComparer.Ordinal);
        output.WriteLine(
            $"{points.Length} calls ({string.Join(", ", names)}) in {scenarios.Length} scenarios; {count} kills, {count} errors");
        foreach (var (outcome, n) in outcomes.OrderBy(o => o.Key, StringComparer.Ordinal)) output.WriteLine($"| {outcome} | {n} |");
        Assert.True(failures.IsEmpty, string.Join("\n", failures));
        Assert.True(count < 100 || outcomes.Count(o => o.Value > count / 50) >= 5, "the faults test less than they say");
    }

    /// <summary>What the disk does not confirm is an error, of the bytes and of the last name.</summary>
    [FaultFact]
    public void A_disk_that_confirms_nothing_is_an_error()
    {
        using var scenario = FaultScenario.NewFolder();
        var calls = Points(scenario).Where(p => p.Call.Name == "fsync").Select(p => p.Call).ToArray();
        var (first, _) = scenario.Run("first", ["fsync"], "fsync:error=EIO:when=1");
        Assert.Contains("Cannot write ", Assert.Single(first.ErrorLines), StringComparison.Ordinal);
        Assert.Contains("Input/output error", first.Errors, StringComparison.Ordinal);
        Assert.Equal((1, Standing.Nothing), (first.ExitCode, scenario.StandingAt("first")));
        var (last, _) = scenario.Run("last", ["fsync"], $"fsync:error=EIO:when={calls[^1].Number}");
        Assert.Contains("holds the result, but the disk does not confirm", Assert.Single(last.ErrorLines), StringComparison.Ordinal);
        Assert.Equal((1, Standing.New), (last.ExitCode, scenario.StandingAt("last")));
    }

    /// <summary>Calls of the thread that does the work which touch input or output.</summary>
    private static IEnumerable<(FaultScenario Scenario, SystemCall Call)> Points(FaultScenario scenario)
    {
        var (_, calls) = scenario.Run("calls", Errors.Keys.Concat(Aliases.Keys), null);
        scenario.Clear("calls");
        var concerned = calls.Where(scenario.Concerns).ToArray();
        var worker = concerned.CountBy(c => c.Thread).MaxBy(c => c.Value).Key;
        return concerned.Where(c => c.Thread == worker).Select(c => (scenario, c));
    }

    private static string Outcome(FaultScenario scenario, string place, string inject, string fault)
    {
        var (result, calls) = scenario.Run(place, Errors.Keys.Concat(Aliases.Keys), inject);
        var standing = scenario.StandingAt(place);
        Assert.NotEqual(Standing.Half, standing);
        var begun = scenario.IsBegun(place);
        var settled = scenario.Settle(place);
        Assert.NotEqual(Standing.Half, settled);
        // What stood is not undone, and nothing is not what stays where something was.
        Assert.True(standing == settled || (standing == Standing.Nothing && settled == Standing.Old), $"{standing} became {settled}");
        if (fault.StartsWith("signal", StringComparison.Ordinal))
        {
            scenario.Clear(place);
            return $"kill | {(result.ExitCode == 0 ? "not reached" : "killed")} | {standing}{(begun ? ", begun" : "")} | {settled}";
        }

        var hit = calls.Where(c => c.IsInjected).ToArray();
        var outside = hit.Any(c => !scenario.Concerns(c));
        if (!outside)
        {
            Assert.True(result.ExitCode is 0 or 1 or 3, $"exit code {result.ExitCode}: {result.Errors}");
            Assert.Equal(result.ExitCode == 0 ? 0 : 1, result.ErrorLines.Length);
            Assert.False(begun && standing != Standing.New, "left half done");
            if (result.ExitCode == 0) Assert.Equal(Standing.New, standing);
            else if (standing == Standing.New) Assert.Contains("holds the result", result.Errors, StringComparison.Ordinal);
        }

        scenario.Clear(place);
        return $"error | {(hit.Length == 0 ? "not reached" : outside ? "elsewhere" : $"exit code {result.ExitCode}")} | {standing} | "
            + $"{settled}";
    }
}
