using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using OnnxMka.Running.Sessions;

namespace OnnxMka.Tests.Running.Sessions;

/// <summary>A driver made of functions of this class: two GPUs of 3 GB, of the second 1 GB is free.</summary>
public sealed unsafe class CudaDriverTests
{
    private const nint Context = 77;

    private static readonly Lock Turn = new();
    private static readonly List<string> Calls = [];
    private static string? _failing;

    [Fact]
    public void It_tells_its_version_and_the_memory_of_each_device() =>
        With(null, () =>
        {
            var driver = CudaDriver.Ask(Export);
            Assert.Equal((0, 13010), (driver.Failure, driver.CudaVersion));
            Assert.Equal([3L << 30, 3L << 30], driver.Memory);
        });

    [Theory]
    [InlineData("cuInit")]
    [InlineData("cuDriverGetVersion")]
    [InlineData("cuDeviceGetCount")]
    [InlineData("cuDeviceGet")]
    [InlineData("cuDeviceTotalMem_v2")]
    public void What_it_fails_at_is_its_failure(string function) =>
        With(function, () => Assert.Equal(999, CudaDriver.Ask(Export).Failure));

    [Fact]
    public void What_is_free_is_less_than_all_and_the_context_is_given_back() =>
        With(null, () =>
        {
            Assert.Equal(1L << 30, CudaDriver.Free(Export, 1));
            string[] expected =
            [
                "cuInit",
                "cuDeviceGet",
                "cuDevicePrimaryCtxRetain",
                "cuCtxPushCurrent_v2",
                "cuMemGetInfo_v2",
                "cuCtxPopCurrent_v2",
                "cuDevicePrimaryCtxRelease_v2",
            ];
            Assert.Equal(expected, Calls);
        });

    [Theory]
    [InlineData("cuInit", "cuInit")]
    [InlineData("cuDeviceGet", "cuDeviceGet")]
    [InlineData("cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRetain")]
    [InlineData("cuCtxPushCurrent_v2", "cuDevicePrimaryCtxRelease_v2")]
    [InlineData("cuMemGetInfo_v2", "cuDevicePrimaryCtxRelease_v2")]
    public void Where_it_does_not_say_nothing_is_known_and_the_context_is_given_back(string function, string last) =>
        With(function, () =>
        {
            Assert.Null(CudaDriver.Free(Export, 1));
            Assert.Equal(last, Calls[^1]);
            Assert.Equal(Calls.Contains("cuMemGetInfo_v2"), Calls.Contains("cuCtxPopCurrent_v2"));
        });

    private static void With(string? failing, Action test)
    {
        lock (Turn)
        {
            Calls.Clear();
            _failing = failing;
            test();
        }
    }

    private static nint Export(string name) => name switch
    {
        "cuInit" => (nint)(delegate* unmanaged<uint, int>)&Init,
        "cuDriverGetVersion" => (nint)(delegate* unmanaged<int*, int>)&Version,
        "cuDeviceGetCount" => (nint)(delegate* unmanaged<int*, int>)&Count,
        "cuDeviceGet" => (nint)(delegate* unmanaged<int*, int, int>)&Device,
        "cuDeviceTotalMem_v2" => (nint)(delegate* unmanaged<nuint*, int, int>)&Total,
        "cuDevicePrimaryCtxRetain" => (nint)(delegate* unmanaged<nint*, int, int>)&Retain,
        "cuCtxPushCurrent_v2" => (nint)(delegate* unmanaged<nint, int>)&Push,
        "cuMemGetInfo_v2" => (nint)(delegate* unmanaged<nuint*, nuint*, int>)&Info,
        "cuCtxPopCurrent_v2" => (nint)(delegate* unmanaged<nint*, int>)&Pop,
        "cuDevicePrimaryCtxRelease_v2" => (nint)(delegate* unmanaged<int, int>)&Release,
        _ => throw new EntryPointNotFoundException(name),
    };

    /// <summary><c>CUDA_ERROR_UNKNOWN</c> from the function that is to fail.</summary>
    private static int Answer([CallerMemberName] string function = "")
    {
        var name = function switch
        {
            nameof(Init) => "cuInit",
            nameof(Version) => "cuDriverGetVersion",
            nameof(Count) => "cuDeviceGetCount",
            nameof(Device) => "cuDeviceGet",
            nameof(Total) => "cuDeviceTotalMem_v2",
            nameof(Retain) => "cuDevicePrimaryCtxRetain",
            nameof(Push) => "cuCtxPushCurrent_v2",
            nameof(Info) => "cuMemGetInfo_v2",
            nameof(Pop) => "cuCtxPopCurrent_v2",
            _ => "cuDevicePrimaryCtxRelease_v2",
        };
        Calls.Add(name);
        return name == _failing ? 999 : 0;
    }

    [UnmanagedCallersOnly]
    private static int Init(uint flags) => Answer();

    [UnmanagedCallersOnly]
    private static int Version(int* version)
    {
        *version = 13010;
        return Answer();
    }

    [UnmanagedCallersOnly]
    private static int Count(int* devices)
    {
        *devices = 2;
        return Answer();
    }

    [UnmanagedCallersOnly]
    private static int Device(int* device, int place)
    {
        *device = place;
        return Answer();
    }

    [UnmanagedCallersOnly]
    private static int Total(nuint* bytes, int device)
    {
        *bytes = 3u << 30;
        return Answer();
    }

    [UnmanagedCallersOnly]
    private static int Retain(nint* context, int device)
    {
        *context = device == 1 ? Context : 0;
        return Answer();
    }

    [UnmanagedCallersOnly]
    private static int Push(nint context) => Answer() + (context == Context ? 0 : 1);

    [UnmanagedCallersOnly]
    private static int Info(nuint* free, nuint* total)
    {
        (*free, *total) = (1u << 30, 3u << 30);
        return Answer();
    }

    [UnmanagedCallersOnly]
    private static int Pop(nint* context) => Answer();

    [UnmanagedCallersOnly]
    private static int Release(int device) => Answer();
}
