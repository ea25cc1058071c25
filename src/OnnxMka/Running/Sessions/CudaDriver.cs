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
    public static CudaDriver? Ask()
    {
        if (!NativeLibrary.TryLoad(Library, out var library)) return null;
        int version = 0, devices = 0;
        var failure = ((delegate* unmanaged<uint, int>)NativeLibrary.GetExport(library, "cuInit"))(0);
        if (failure == 0) failure = ((delegate* unmanaged<int*, int>)NativeLibrary.GetExport(library, "cuDriverGetVersion"))(&version);
        if (failure == 0) failure = ((delegate* unmanaged<int*, int>)NativeLibrary.GetExport(library, "cuDeviceGetCount"))(&devices);
        var memory = new long[devices];
        for (var place = 0; place < devices && failure == 0; place++)
        {
            int device;
            nuint bytes = 0;
            failure = ((delegate* unmanaged<int*, int, int>)NativeLibrary.GetExport(library, "cuDeviceGet"))(&device, place);
            if (failure == 0)
                failure = ((delegate* unmanaged<nuint*, int, int>)NativeLibrary.GetExport(library, "cuDeviceTotalMem_v2"))(&bytes, device);
            memory[place] = (long)bytes;
        }

        return new CudaDriver(failure, version, memory);
    }
}
