using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace OnnxMka.Alignment.Ilgpu.Tests;

/// <summary>A machine with the driver alone has <c>libcuda.so.1</c> and no <c>libcuda.so</c>.</summary>
public sealed class CudaLibraryTests
{
    private readonly List<string> _asked = [];

    [Fact]
    public void TheNameThatTheDriverInstallsIsAskedForFirst()
    {
        Assert.Equal(7, CudaLibrary.Resolve(CudaLibrary.Imported, Load("libcuda.so.1")));
        Assert.Equal(["libcuda.so.1"], _asked);
    }

    [Fact]
    public void TheSubsystemForLinuxHasItElsewhere() =>
        Assert.Equal(7, CudaLibrary.Resolve(CudaLibrary.Imported, Load("/usr/lib/wsl/lib/libcuda.so.1")));

    [Theory]
    [InlineData("nvcuda")]
    [InlineData("cublas64_12.dll")]
    public void OtherLibrariesAreLeftToTheLoader(string name)
    {
        Assert.Equal(0, CudaLibrary.Resolve(name, Load("libcuda.so.1")));
        Assert.Empty(_asked);
    }

    [Fact]
    public void WithoutADriverTheLoaderGoesItsOwnWay() => Assert.Equal(0, CudaLibrary.Resolve(CudaLibrary.Imported, Load()));

    [Fact]
    public void ThatIsTheNameThatIlgpuImports()
    {
        var imports = typeof(CudaAPI).Assembly.GetTypes()
            .SelectMany(t => t.GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly))
            .Where(m => m.Name.StartsWith("cuInit", StringComparison.Ordinal))
            .Select(m => m.GetCustomAttribute<DllImportAttribute>()?.Value);
        Assert.Contains(CudaLibrary.Imported, imports);
    }

    [Fact]
    public void IlgpuAsksHere()
    {
        if (OperatingSystem.IsWindows()) return;
        CudaLibrary.Use();
        CudaLibrary.Use(); // and once
        Assert.Throws<InvalidOperationException>(() => NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, (_, _, _) => 0));
    }

    private Func<string, nint> Load(params string[] installed) => name =>
    {
        _asked.Add(name);
        return installed.Contains(name) ? 7 : 0;
    };
}
