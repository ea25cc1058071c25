using System.Runtime.InteropServices;

namespace OnnxMka.Running.Sessions;

/// <summary>What the NVIDIA driver says of itself.</summary>
/// <param name="Failure">What <c>cuInit</c> returned: 0, or why no device can be used; 100 means that there is none.</param>
/// <param name="CudaVersion">Newest CUDA it runs, as 1000 major + 10 minor.</param>
/// <param name="Memory">Bytes of each device; one entry a device.</param>
internal sealed unsafe record CudaDriver(int Failure, int CudaVersion, params long[] Memory)
{
    /// <summary><c>CUDA_ERROR_NO_DEVICE</c>.</summary>
    public const int NoDevice = 100;

    public static string Library => OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";

    /// <summary>Asks the driver of this machine; null where it is not installed.</summary>
    public static CudaDriver? Ask() => Exports() is { } export ? Ask(export) : null;

    /// <param name="export">Address of a function of the driver.</param>
    internal static CudaDriver Ask(Func<string, nint> export)
    {
        int version = 0, devices = 0;
        var failure = ((delegate* unmanaged<uint, int>)export("cuInit"))(0);
        if (failure == 0) failure = ((delegate* unmanaged<int*, int>)export("cuDriverGetVersion"))(&version);
        if (failure == 0) failure = ((delegate* unmanaged<int*, int>)export("cuDeviceGetCount"))(&devices);
        var memory = new long[devices];
        for (var place = 0; place < devices && failure == 0; place++)
        {
            int device;
            nuint bytes = 0;
            failure = ((delegate* unmanaged<int*, int, int>)export("cuDeviceGet"))(&device, place);
            if (failure == 0) failure = ((delegate* unmanaged<nuint*, int, int>)export("cuDeviceTotalMem_v2"))(&bytes, device);
            memory[place] = (long)bytes;
        }

        return new CudaDriver(failure, version, memory);
    }

    /// <summary>Bytes of a device that nobody holds now; null where the driver does not say.</summary>
    public static long? Free(int place) => Exports() is { } export ? Free(export, place) : null;

    /// <summary>
    /// The driver says it of the current context alone, so the device's own is taken, which ONNX Runtime uses too; what it takes itself
    /// is no longer free then.
    /// </summary>
    /// <param name="export">Address of a function of the driver.</param>
    internal static long? Free(Func<string, nint> export, int place)
    {
        int device;
        nint context;
        if (((delegate* unmanaged<uint, int>)export("cuInit"))(0) != 0
            || ((delegate* unmanaged<int*, int, int>)export("cuDeviceGet"))(&device, place) != 0
            || ((delegate* unmanaged<nint*, int, int>)export("cuDevicePrimaryCtxRetain"))(&context, device) != 0)
        {
            return null;
        }

        long? free = null;
        if (((delegate* unmanaged<nint, int>)export("cuCtxPushCurrent_v2"))(context) == 0)
        {
            nuint left, all;
            if (((delegate* unmanaged<nuint*, nuint*, int>)export("cuMemGetInfo_v2"))(&left, &all) == 0) free = (long)left;
            _ = ((delegate* unmanaged<nint*, int>)export("cuCtxPopCurrent_v2"))(&context);
        }

        _ = ((delegate* unmanaged<int, int>)export("cuDevicePrimaryCtxRelease_v2"))(device);
        return free;
    }

    private static Func<string, nint>? Exports() =>
        NativeLibrary.TryLoad(Library, out var library) ? name => NativeLibrary.GetExport(library, name) : null;
}
