using System.Reflection;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace OnnxMka.Benchmarks;

/// <summary>The loops over weights, in bytes read and written per second, against a plain copy of memory on as many cores.</summary>
internal static class Kernels
{
    public static IEnumerable<Row> Run(bool quick)
    {
        // In this process: the tool's own build is measured, and nothing is compiled anew.
        var job = (quick ? Job.ShortRun : Job.Default.WithWarmupCount(5).WithIterationCount(15)).WithToolchain(
            InProcessEmitToolchain.Instance);
        var config = ManualConfig.CreateEmpty()
            .AddJob(job)
            .AddLogger(NullLogger.Instance)
            .WithOptions(ConfigOptions.DisableLogFile)
            .WithArtifactsPath(Path.Combine(Path.GetTempPath(), "onnx-mka-benchmarkdotnet"));
        var summary = BenchmarkRunner.Run<WeightKernels>(config);
        var speeds = summary.Reports.Where(r => r.Success).ToDictionary(
            r => r.BenchmarkCase.Descriptor.WorkloadMethod.Name, Speed, StringComparer.Ordinal);
        var missing = typeof(WeightKernels).GetMethods().Count(m => m.GetCustomAttribute<TrafficAttribute>() is not null) - speeds.Count;
        if (missing != 0)
            throw new InvalidOperationException($"{missing} kernels were not measured: {string.Join(' ', summary.ValidationErrors)}");
        var copy = speeds[nameof(WeightKernels.Copy)];
        foreach (var report in summary.Reports)
        {
            var method = report.BenchmarkCase.Descriptor.WorkloadMethod;
            if (method.Name == nameof(WeightKernels.Copy)) continue;
            yield return new Row(
                $"kernel on all cores: {method.GetCustomAttribute<TrafficAttribute>()!.What}",
                $"{speeds[method.Name]:0.0} GB/s",
                $"memory copy {copy:0.0} GB/s",
                $"{speeds[method.Name] / copy:0.00}",
                null,
                null);
        }
    }

    private static double Speed(BenchmarkReport report) =>
        report.BenchmarkCase.Descriptor.WorkloadMethod
            .GetCustomAttribute<TrafficAttribute>()!.BytesPerElement * (double)WeightKernels.Elements / report.ResultStatistics!.Median;
}

/// <summary>What one element of a kernel reads and writes, and what a table calls the kernel.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class TrafficAttribute(int bytesPerElement, string what) : Attribute
{
    public int BytesPerElement { get; } = bytesPerElement;

    public string What { get; } = what;
}
