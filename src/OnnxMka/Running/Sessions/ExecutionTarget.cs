using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using OnnxMka.Isolation;
using OnnxMka.Outcomes;

namespace OnnxMka.Running.Sessions;

/// <summary>Where models run: the only file that names an execution provider.</summary>
/// <param name="Name"><c>CPU</c> or <c>CUDA</c>: what is really used, for reports.</param>
/// <param name="DeviceId">Number of the GPU, from 0.</param>
/// <param name="Note">Why it is not what <c>auto</c> would have preferred; null where there is nothing to say.</param>
public sealed record ExecutionTarget(string Name, int DeviceId, string? Note)
{
    /// <summary>
    /// Bytes of the device that were free when it was chosen, before this program took any; null on the CPU, and where the driver does not
    /// say. Four fifths of them are for models.
    /// </summary>
    public long? DeviceMemory { get; init; }

    /// <summary>
    /// Models that come from outside are tried in a child process before their first session here, so that a crash or a hang of the runtime
    /// is a refusal. Needs a program that serves probes: <see cref="ServesProbesAttribute"/>.
    /// </summary>
    public bool Isolate { get; init; }

    /// <summary>What each session asks before it loads a model; null for nothing.</summary>
    internal ModelTrial? Trial { get; init; }

    internal bool IsCpu => Name == Cpu.Name;

    /// <summary>The CPU.</summary>
    public static ExecutionTarget Cpu { get; } = new("CPU", 0, null);

    /// <summary>
    /// <c>cpu</c>; <c>cuda</c>, which fails where CUDA is not usable; <c>auto</c>, which then falls back to the CPU and says so.
    /// </summary>
    public static ExecutionTarget Choose(string requested, int deviceId = 0)
    {
        if (requested == "cpu") return Cpu;
        var machine = CudaInstallation.OfThisMachine();
        var missing = CudaProblem(machine, deviceId);
        if (missing is null) return new ExecutionTarget("CUDA", deviceId, null) { DeviceMemory = machine.Memory(deviceId) };
        if (requested == "cuda")
        {
            throw new ExecutionTargetException(
                $"CUDA was asked for and is not usable: {missing}. Use --ep cpu, or --ep auto to fall back.");
        }

        return Cpu with { Note = $"running on the CPU ({missing})" };
    }

    /// <summary>The same; with <see cref="Isolate"/> its sessions try these models first.</summary>
    /// <param name="models">Paths of those that come from outside.</param>
    /// <param name="memory">Bytes that running one may take; null for what the machine or the device has.</param>
    internal ExecutionTarget Trying(IReadOnlyCollection<string> models, long? memory, CancellationToken ct)
    {
        if (!Isolate || Trial is not null) return this;
        var most = memory ?? (DeviceMemory ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes) / 5 * 4;
        return this with { Trial = new ModelTrial(models, most, ct) };
    }

    /// <summary>
    /// Options of every session: sequential execution, all optimisations. What fails is an exception, so nothing is logged beside it.
    /// </summary>
    internal SessionOptions Options()
    {
        var options = Fresh();
        options.GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL;
        options.ExecutionMode = ExecutionMode.ORT_SEQUENTIAL;
        options.LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL;
        if (Name == "CUDA") AppendCuda(options, DeviceId);
        return options;
    }

    /// <summary>Where values that only this target reads again should stay.</summary>
    internal OrtMemoryInfo CacheMemory() =>
        Name == "CUDA"
            ? new(OrtMemoryInfo.allocatorCUDA, OrtAllocatorType.DeviceAllocator, DeviceId, OrtMemType.Default)
            : new(OrtMemoryInfo.allocatorCPU, OrtAllocatorType.DeviceAllocator, 0, OrtMemType.Default);

    /// <summary>What keeps CUDA from being used; null where nothing does.</summary>
    internal static string? CudaProblem(CudaInstallation machine, int deviceId)
    {
        if (OperatingSystem.IsLinux() && machine.Problem(deviceId) is { } problem) return problem;
        try
        {
            using var options = Fresh();
            AppendCuda(options, deviceId);
            return null;
        }
        catch (Exception e) when (e is OnnxRuntimeException or EntryPointNotFoundException or DllNotFoundException)
        {
            return RuntimeReason(e.Message);
        }
    }

    /// <summary>What ONNX Runtime says, without the places in its source that it puts first.</summary>
    internal static string RuntimeReason(string message)
    {
        const string LastFrame = " : FAIL : ";
        var line = message.Split('\n')[0].Trim();
        if (line.LastIndexOf(LastFrame, StringComparison.Ordinal) is >= 0 and var frame) line = line[(frame + LastFrame.Length)..];
        return line.Length > 300 ? string.Concat(line.AsSpan(0, 300), "...") : line;
    }

    /// <summary>Where every session begins: the first call into the runtime.</summary>
    private static SessionOptions Fresh()
    {
        Telemetry.Off();
        return new SessionOptions();
    }

    /// <summary>Products of fp32 in fp32: TF32 keeps 11 bits, too few to compare a prefill with steps or a merge with its parts.</summary>
    private static void AppendCuda(SessionOptions options, int deviceId)
    {
        using var cuda = new OrtCUDAProviderOptions();
        cuda.UpdateOptions(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["device_id"] = deviceId.ToString(CultureInfo.InvariantCulture),
            ["use_tf32"] = "0",
        });
        options.AppendExecutionProvider_CUDA(cuda);
    }
}
