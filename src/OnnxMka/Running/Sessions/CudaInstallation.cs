using System.Runtime.InteropServices;

// What the CUDA provider needs from a machine, found before ONNX Runtime is asked, whose own words name a file and no remedy.
//
//   driver -> device -> provider beside the tool -> driver new enough -> libraries that the provider asks for -> cuDNN
//
// Libraries outside the loader's paths are loaded here by their full path: the loader then takes them for the provider's
// own requests, which go by name, so that nobody has to set LD_LIBRARY_PATH.


namespace OnnxMka.Running.Sessions;

/// <summary>CUDA as a machine has it.</summary>
/// <param name="ToolFolder">Where the provider lies: beside ONNX Runtime.</param>
/// <param name="Folders">Where libraries may be, besides where the loader looks.</param>
/// <param name="Load">Loads a library by name or full path; false where it cannot.</param>
/// <param name="Driver">Null where there is none.</param>
internal sealed record CudaInstallation(string ToolFolder, IReadOnlyList<string> Folders, Func<string, bool> Load, CudaDriver? Driver)
{
    public const string Provider = "libonnxruntime_providers_cuda.so";

    /// <summary>Opened by name when a session starts, so the provider does not list it.</summary>
    private const string Cudnn = "libcudnn.so.9";

    /// <summary>Opened by name where a model needs them: loaded when found, not missed when not.</summary>
    private static readonly string[] Optional = ["libnvrtc.so.13", "libcufft.so.12"];

    /// <summary>Bytes of a device that nobody holds now; null where the driver does not say.</summary>
    public Func<int, long?> Free { get; init; } = _ => null;

    public static CudaInstallation OfThisMachine() => new(
        AppContext.BaseDirectory,
        [.. CudaFolders.Of(Environment.GetEnvironmentVariable, "/")],
        name => NativeLibrary.TryLoad(name, out _),
        CudaDriver.Ask())
    {
        Free = CudaDriver.Free,
    };

    /// <summary>Bytes of a device for models: those that no other program holds, or all where the driver does not say.</summary>
    public long? Memory(int deviceId) =>
        Free(deviceId) ?? (Driver is { } driver && deviceId >= 0 && deviceId < driver.Memory.Length ? driver.Memory[deviceId] : null);

    /// <summary>What keeps a device from being used, with what to do; null where nothing does. Loads what was found.</summary>
    public string? Problem(int deviceId)
    {
        if (Driver is null) return $"there is no NVIDIA driver ({CudaDriver.Library} was not found)";
        if (Driver.Failure == CudaDriver.NoDevice || (Driver.Failure == 0 && Driver.Memory.Length == 0))
            return "the NVIDIA driver sees no GPU";
        if (Driver.Failure != 0) return $"the NVIDIA driver does not start (it answers with error {Driver.Failure})";
        if (deviceId < 0 || deviceId >= Driver.Memory.Length)
            return $"there is no GPU {deviceId}: the driver has {Driver.Memory.Length}, numbered from 0";

        // published for one platform, and for any
        string[] places = [ToolFolder, Path.Combine(ToolFolder, "runtimes", "linux-x64", "native")];
        if (places.Select(p => Path.Combine(p, Provider)).FirstOrDefault(File.Exists) is not { } provider)
            return $"{Provider} is not beside the tool: make cuda builds one with it";
        string[] needed;
        try
        {
            needed = [.. ElfLibrary.NeededBy(provider).Where(IsCuda)];
        }
        catch (InvalidDataException e)
        {
            return $"{e.Message}: fetch it again";
        }

        var major = needed.Select(CudaMajor).DefaultIfEmpty().Max();
        if (Driver.CudaVersion < 1000 * major)
            return $"the NVIDIA driver runs CUDA {Driver.CudaVersion / 1000}.{Driver.CudaVersion % 1000 / 10}, and {major} is needed: "
                + "install a newer driver";

        var missing = needed.Append(Cudnn).Where(library => !LoadFromAnywhere(library)).ToArray();
        if (missing.Length > 0)
            return $"{string.Join(", ", missing)} {(missing.Length == 1 ? "was" : "were")} not found: {Remedy(missing, major)}";
        foreach (var library in Optional) LoadFromAnywhere(library);
        return null;
    }

    private bool LoadFromAnywhere(string library) =>
        Load(library) || Folders.Select(folder => Path.Combine(folder, library)).Any(path => File.Exists(path) && Load(path));

    /// <summary>The driver's own library comes with the driver.</summary>
    private static bool IsCuda(string library) => library.StartsWith("libcu", StringComparison.Ordinal) && library != CudaDriver.Library;

    private static int CudaMajor(string library) =>
        library.StartsWith("libcudart.so.", StringComparison.Ordinal)
            && int.TryParse(library["libcudart.so.".Length..].Split('.')[0], out var major)
            ? major
            : 0;

    private string Remedy(string[] missing, int major)
    {
        string[] parts =
        [
            .. missing.Any(m => m != Cudnn) ? [$"CUDA {major}"] : Array.Empty<string>(),
            .. missing.Contains(Cudnn) ? ["cuDNN 9"] : Array.Empty<string>(),
        ];
        var places = string.Join(", ", Folders.Prepend("the loader's paths"));
        return $"install {string.Join(" and ", parts)}, or name the folder in LD_LIBRARY_PATH (looked in {places})";
    }
}
