using System.Diagnostics;
using System.Globalization;

namespace OnnxMka.Benchmarks;

/// <summary>A whole process as it ran: wall time and peak resident memory.</summary>
internal sealed record Measured(double Seconds, double PeakMegabytes, string Output)
{
    /// <summary>Runs a command; its peak is the kernel's own high-water mark, read while it runs.</summary>
    public static Measured Process(string command, params string[] arguments)
    {
        var start = new ProcessStartInfo(command, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        var clock = Stopwatch.StartNew();
        using var process = System.Diagnostics.Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        double peak = 0;
        while (!process.WaitForExit(20)) peak = Math.Max(peak, HighWater(process.Id));
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{command} {string.Join(' ', arguments)} ended with {process.ExitCode}: {errors.Result}");
        return new Measured(clock.Elapsed.TotalSeconds, peak, output.Result);
    }

    /// <summary>Median of several runs of some work, in seconds, after one that does not count.</summary>
    public static double Median(int runs, Action work)
    {
        work();
        return MedianOf([.. Enumerable.Range(0, runs).Select(_ => Time(work))]);
    }

    /// <summary>The same in processor time of this process, all threads together.</summary>
    public static double ProcessorMedian(int runs, Action work)
    {
        double Once()
        {
            var before = Environment.CpuUsage.TotalTime;
            work();
            return (Environment.CpuUsage.TotalTime - before).TotalSeconds;
        }

        return MedianOf([.. Enumerable.Range(0, runs).Select(_ => Once())]);
    }

    public static double MedianOf(double[] values) => values.Order().ElementAt(values.Length / 2);

    public static double Time(Action work)
    {
        var clock = Stopwatch.StartNew();
        work();
        return clock.Elapsed.TotalSeconds;
    }

    private static double HighWater(int process)
    {
        try
        {
            var line = File.ReadLines($"/proc/{process}/status").FirstOrDefault(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
            return line is null
                ? 0
                : double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1000;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It ended between two looks; what was read before counts.
            return 0;
        }
    }
}
