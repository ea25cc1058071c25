using OnnxMka.Running.Sessions;

namespace OnnxMka.Tests.Running.Sessions;

/// <summary>A machine of folders and files without content: what is missing is said, one thing at a time, with what to do.</summary>
public sealed class CudaInstallationTests : IDisposable
{
    private static readonly string[] Cuda = ["libcublasLt.so.13", "libcublas.so.13", "libcurand.so.10", "libcudart.so.13"];

    private readonly TempFolder _machine = new();
    private readonly List<string> _loaded = [];

    public CudaInstallationTests()
    {
        FakeLibrary.Write(_machine[CudaInstallation.Provider], [.. Cuda, "libcuda.so.1", "libc.so.6"]);
        foreach (var library in Cuda) Put("cuda", library);
        Put("cudnn", "libcudnn.so.9");
    }

    [Fact]
    public void A_complete_machine_has_no_problem_and_the_libraries_are_loaded_by_their_paths()
    {
        Put("cuda", "libnvrtc.so.13");
        Assert.Null(Machine().Problem(0));
        Assert.Equal(
            [
                .. Cuda.Select(l => _machine[Path.Combine("cuda", l)]),
                _machine[Path.Combine("cudnn", "libcudnn.so.9")],
                _machine[Path.Combine("cuda", "libnvrtc.so.13")],
            ],
            _loaded);
    }

    [Fact]
    public void What_the_loader_finds_by_itself_needs_no_folder()
    {
        var known = Machine() with { Folders = [], Load = name => !Path.IsPathRooted(name) };
        Assert.Null(known.Problem(0));
    }

    [Fact]
    public void The_provider_of_the_NuGet_package_is_found_too()
    {
        Directory.CreateDirectory(_machine["runtimes/linux-x64/native"]);
        File.Move(_machine[CudaInstallation.Provider], _machine["runtimes/linux-x64/native/" + CudaInstallation.Provider]);
        Assert.Null(Machine().Problem(0));
    }

    [Fact]
    public void No_driver() =>
        Assert.Equal($"there is no NVIDIA driver ({CudaDriver.Library} was not found)", (Machine() with { Driver = null }).Problem(0));

    [Theory]
    [InlineData(CudaDriver.NoDevice, 0, "the NVIDIA driver sees no GPU")]
    [InlineData(0, 0, "the NVIDIA driver sees no GPU")]
    [InlineData(803, 0, "the NVIDIA driver does not start (it answers with error 803)")]
    public void No_device(int failure, int devices, string message) =>
        Assert.Equal(message, (Machine() with { Driver = new CudaDriver(failure, 13000, new long[devices]) }).Problem(0));

    [Theory]
    [InlineData(2)]
    [InlineData(-1)]
    public void Another_device_than_there_are(int device) =>
        Assert.Equal($"there is no GPU {device}: the driver has 2, numbered from 0", Machine().Problem(device));

    [Fact]
    public void No_provider()
    {
        File.Delete(_machine[CudaInstallation.Provider]);
        Assert.Equal("libonnxruntime_providers_cuda.so is not beside the tool: make cuda builds one with it", Machine().Problem(0));
    }

    [Fact]
    public void A_provider_that_was_cut_short()
    {
        File.WriteAllText(_machine[CudaInstallation.Provider], "version https://git-lfs.github.com/spec/v1");
        Assert.Equal($"{_machine[CudaInstallation.Provider]} is no 64-bit ELF library: fetch it again", Machine().Problem(0));
    }

    [Fact]
    public void A_driver_too_old_for_the_provider()
    {
        var old = Machine() with { Driver = new CudaDriver(0, 12040, 1L << 30) };
        Assert.Equal("the NVIDIA driver runs CUDA 12.4, and 13 is needed: install a newer driver", old.Problem(0));
        FakeLibrary.Write(_machine[CudaInstallation.Provider], "libcudart.so.12");
        Put("cuda", "libcudart.so.12");
        Assert.Null(old.Problem(0));
    }

    [Theory]
    [InlineData("libcublasLt.so.13")]
    [InlineData("libcublas.so.13")]
    [InlineData("libcurand.so.10")]
    [InlineData("libcudart.so.13")]
    public void No_CUDA_library(string library)
    {
        File.Delete(_machine[Path.Combine("cuda", library)]);
        Assert.Equal(
            $"{library} was not found: install CUDA 13, or name the folder in LD_LIBRARY_PATH (looked in {Looked()})",
            Machine().Problem(0));
    }

    [Fact]
    public void No_cuDNN()
    {
        File.Delete(_machine["cudnn/libcudnn.so.9"]);
        Assert.Equal(
            $"libcudnn.so.9 was not found: install cuDNN 9, or name the folder in LD_LIBRARY_PATH (looked in {Looked()})",
            Machine().Problem(0));
    }

    [Fact]
    public void Everything_that_is_missing_is_named_at_once()
    {
        var empty = Machine() with { Folders = [] };
        Assert.Equal(
            $"{string.Join(", ", Cuda)}, libcudnn.so.9 were not found: install CUDA 13 and cuDNN 9, or name the folder in LD_LIBRARY_PATH "
                + "(looked in the loader's paths)",
            empty.Problem(0));
    }

    [Fact]
    public void A_library_that_does_not_load_is_missing()
    {
        var broken = Machine() with
        {
            Load = path => Path.IsPathRooted(path) && !path.EndsWith("libcurand.so.10", StringComparison.Ordinal),
        };
        Assert.StartsWith("libcurand.so.10 was not found", broken.Problem(0), StringComparison.Ordinal);
    }

    [Fact]
    public void Models_may_take_what_is_free_of_a_device_or_all_of_it_where_the_driver_does_not_say()
    {
        var shared = Machine() with { Free = device => device == 1 ? 1L << 20 : null };
        Assert.Equal(1L << 30, shared.Memory(0));
        Assert.Equal(1L << 20, shared.Memory(1));
        Assert.Null(shared.Memory(2));
        Assert.Null((shared with { Driver = null }).Memory(0));
    }

    [Theory]
    [InlineData(
        "[ErrorCode:Fail] /src/provider_bridge_ort.cc:1988 onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : "
            + "Failed to load library a.so with error: undefined symbol: f\n",
        "Failed to load library a.so with error: undefined symbol: f")]
    [InlineData("no such entry point", "no such entry point")]
    public void What_the_runtime_itself_says_is_shown_without_its_places(string message, string shown) =>
        Assert.Equal(shown, ExecutionTarget.RuntimeReason(message));

    public void Dispose() => _machine.Dispose();

    /// <summary>Two GPUs, CUDA 13; the loader knows no library of NVIDIA's.</summary>
    private CudaInstallation Machine() => new(
        _machine.FullPath,
        [_machine["cuda"], _machine["cudnn"]],
        name =>
        {
            if (!Path.IsPathRooted(name)) return false;
            _loaded.Add(name);
            return true;
        },
        new CudaDriver(0, 13000, 1L << 30, 1L << 30));

    private string Looked() => $"the loader's paths, {_machine["cuda"]}, {_machine["cudnn"]}";

    private void Put(string folder, string library)
    {
        Directory.CreateDirectory(_machine[folder]);
        File.WriteAllText(_machine[Path.Combine(folder, library)], "");
    }
}
