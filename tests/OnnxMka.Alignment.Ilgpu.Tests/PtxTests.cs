using System.Reflection;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;

namespace OnnxMka.Alignment.Ilgpu.Tests;

/// <summary>Every kernel becomes PTX that asks for no function from outside, for an old and a new GPU. No GPU is needed.</summary>
public sealed class PtxTests : IDisposable
{
    /// <summary>How PTX names a function that only a driver or a library could supply.</summary>
    private const string Outside = ".extern .func";

    private readonly Context _context = Context.Create(builder => builder.CPU().IOOperations());

    public static TheoryData<string, string, bool> Kernels => new()
    {
        { nameof(DistanceTiles), nameof(DistanceTiles.Kernel), false },
        { nameof(DistanceTiles), nameof(DistanceTiles.Kernel), true },
        { nameof(AffinityRows), nameof(AffinityRows.Exponentiate), false },
        { nameof(AffinityRows), nameof(AffinityRows.Exponentiate), true },
        { nameof(AffinityRows), nameof(AffinityRows.Weigh), false },
        { nameof(AffinityRows), nameof(AffinityRows.Weigh), true },
        { nameof(PanelProduct), nameof(PanelProduct.Partial), false },
        { nameof(PanelProduct), nameof(PanelProduct.Partial), true },
        { nameof(PanelProduct), nameof(PanelProduct.Join), false },
        { nameof(PanelProduct), nameof(PanelProduct.Join), true },
        { nameof(NeighbourScan), nameof(NeighbourScan.Kernel), false },
        { nameof(NeighbourScan), nameof(NeighbourScan.Kernel), true },
    };

    [Theory]
    [MemberData(nameof(Kernels))]
    public void ItsPtxStandsAlone(string type, string method, bool newest)
    {
        var kernel = typeof(DeviceKernels).Assembly.GetType(
            $"{typeof(DeviceKernels).Namespace}.{type}", throwOnError: true)!.GetMethod(method)!;
        var ptx = newest
            ? Compile(kernel, CudaArchitecture.SM_90, CudaInstructionSet.ISA_80)
            : Compile(kernel, CudaArchitecture.SM_60, CudaInstructionSet.ISA_60);
        Assert.Contains(".visible .entry", ptx, StringComparison.Ordinal);
        Assert.DoesNotContain(Outside, ptx, StringComparison.Ordinal);
    }

    [Fact]
    public void AllKernelsThatAreLoadedAreCompiledHere() =>
        Assert.Equal(
            typeof(DeviceKernels).GetProperties().Count(p => typeof(Delegate).IsAssignableFrom(p.PropertyType)),
            Kernels.Select(row => (row[0], row[1])).Distinct().Count());

    [Fact]
    public void AFunctionFromOutsideWouldBeSeen() =>
        Assert.Contains(
            Outside,
            Compile(
                typeof(PtxTests).GetMethod(nameof(Prints), BindingFlags.Static | BindingFlags.NonPublic)!,
                CudaArchitecture.SM_60,
                CudaInstructionSet.ISA_60),
            StringComparison.Ordinal);

    public void Dispose() => _context.Dispose();

    private static void Prints(Index1D i, ArrayView<int> values) => Interop.WriteLine("{0}", values[i]);

    private string Compile(MethodInfo method, CudaArchitecture architecture, CudaInstructionSet instructions)
    {
        using var backend = new PTXBackend(_context, architecture, instructions, nvvmAPI: null!);
        var grouped = method.GetParameters()[0].ParameterType is var first && first != typeof(Index1D) && first != typeof(Index2D);
        var entry = grouped
            ? EntryPointDescription.FromExplicitlyGroupedKernel(method)
            : EntryPointDescription.FromImplicitlyGroupedKernel(method);
        return ((PTXCompiledKernel)backend.Compile(entry, KernelSpecialization.Empty)).PTXAssembly;
    }
}
