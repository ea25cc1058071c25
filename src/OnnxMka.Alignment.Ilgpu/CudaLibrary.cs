using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;

namespace OnnxMka.Alignment.Ilgpu;

/// <summary>Where ILGPU finds the driver's library on Linux: by the name that the driver itself installs.</summary>
internal static class CudaLibrary
{
    /// <summary>What ILGPU imports on Linux; the loader makes <c>libcuda.so</c> of it, which only packages for developers bring.</summary>
    public const string Imported = "cuda";

    /// <summary>The second where a container of the Windows Subsystem for Linux does not tell its loader about it.</summary>
    private static readonly string[] Names = ["libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"];

    /// <summary>Once, before ILGPU's first call into the driver, whose outcome it keeps.</summary>
    static CudaLibrary()
    {
        if (OperatingSystem.IsWindows()) return;
        try
        {
            NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, (name, _, _) => Resolve(name, TryLoad));
        }
        catch (InvalidOperationException)
        {
            // An assembly has one resolver: the program around this library, or ILGPU under WSL, has set it and finds the driver by it.
        }
    }

    /// <summary>Makes ILGPU ask here: the first call runs the static constructor, and there is nothing else to do.</summary>
    public static void Use()
    {
    }

    /// <summary>Zero for what is not the driver or is not found: the loader's usual way follows.</summary>
    /// <param name="load">Handle of a library, zero where there is none.</param>
    internal static nint Resolve(string name, Func<string, nint> load) =>
        name == Imported ? Names.Select(load).FirstOrDefault(handle => handle != 0) : 0;

    private static nint TryLoad(string name) => NativeLibrary.TryLoad(name, out var handle) ? handle : 0;
}
