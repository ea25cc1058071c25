using System.Reflection;
using OnnxMka.Alignment.Tests;
using Xunit.Sdk;

namespace OnnxMka.Alignment.Ilgpu.Tests;

/// <summary>A test that needs a CUDA GPU; skipped, with the reason, where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CudaTheoryAttribute : TheoryAttribute
{
    public CudaTheoryAttribute() => Skip = CudaTests.Kernels is null ? "no CUDA GPU: the driver (libcuda) or a device is missing" : null;
}

/// <summary>The contracts once more, on the GPU of this machine.</summary>
public sealed class CudaTests
{
    private static readonly Lazy<IlgpuScoringKernels?> _kernels = new(() => IlgpuScoringKernels.OnCuda(0));

    internal static IlgpuScoringKernels? Kernels => _kernels.Value;

    [CudaTheory]
    [InlineData(typeof(ScoringKernels))]
    [InlineData(typeof(DiffusionOperators))]
    [InlineData(typeof(DiffusionMaps))]
    [InlineData(typeof(Scores))]
    public async Task TheContractHoldsOnTheGpu(Type contract)
    {
        var ran = 0;
        foreach (var method in contract.GetMethods().Where(m => m.GetCustomAttribute<FactAttribute>() is not null))
        {
            var rows = method.GetCustomAttributes<DataAttribute>().SelectMany(data => data.GetData(method)).DefaultIfEmpty([]);
            foreach (var row in rows)
            {
                if (method.Invoke(Activator.CreateInstance(contract), row) is Task task)
                    await task;
                ran++;
            }
        }

        Assert.True(ran >= 5, $"{contract.Name}: {ran} tests");
    }

    // Not public, so that they are found by the test above alone.
    private sealed class ScoringKernels() : ScoringKernelsContract(Kernels!);

    private sealed class DiffusionOperators() : DiffusionOperatorContract(Kernels!);

    private sealed class DiffusionMaps() : DiffusionMapContract(Kernels!);

    private sealed class Scores() : GoldenScoresContract(Kernels!);
}
