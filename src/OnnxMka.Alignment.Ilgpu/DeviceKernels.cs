using ILGPU;
using ILGPU.Backends;
using ILGPU.Runtime;

namespace OnnxMka.Alignment.Ilgpu;

/// <summary>The kernels compiled for one accelerator.</summary>
/// <param name="allocate">Another way to its memory, in tests; null for its own.</param>
internal sealed class DeviceKernels(Accelerator accelerator, Func<long, MemoryBuffer1D<double, Stride1D.Dense>>? allocate = null)
{
    private readonly Lock _turn = new();

    public Accelerator Accelerator { get; } = accelerator;

    public Action<KernelConfig, ArrayView<float>, ArrayView<double>, int, int> Distances { get; } =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<double>, int, int>(DistanceTiles.Kernel);

    public Action<Index1D, ArrayView<double>, int, double, ArrayView<double>> Exponentiate { get; } =
        accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<double>, int, double, ArrayView<double>>(AffinityRows.Exponentiate);

    public Action<Index1D, ArrayView<double>, int, ArrayView<double>, ArrayView<double>> Weigh { get; } =
        accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<double>, int, ArrayView<double>, ArrayView<double>>(AffinityRows.Weigh);

    public Action<Index2D, ArrayView<double>, int, ArrayView<double>, ArrayView<double>> Partial { get; } =
        accelerator.LoadAutoGroupedStreamKernel<Index2D, ArrayView<double>, int, ArrayView<double>, ArrayView<double>>(
            PanelProduct.Partial);

    public Action<Index1D, ArrayView<double>, int, int, ArrayView<double>> Join { get; } =
        accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<double>, int, int, ArrayView<double>>(PanelProduct.Join);

    public Action<Index1D, ArrayView<double>, int, ArrayView<double>, int, int, int, ArrayView<int>, ArrayView<int>> Neighbours { get; } =
        accelerator.LoadAutoGroupedStreamKernel<
            Index1D, ArrayView<double>, int, ArrayView<double>, int, int, int, ArrayView<int>, ArrayView<int>>(NeighbourScan.Kernel);

    /// <summary>What ILGPU throws where a device, its driver or a kernel for it is at fault.</summary>
    public static bool IsFailure(Exception e) => e
        is AcceleratorException
        or CapabilityNotSupportedException
        or InternalCompilerException
        or InvalidCodeGenerationException
        or NotSupportedIntrinsicException
        or NotSupportedException
        or DllNotFoundException
        or EntryPointNotFoundException;

    /// <summary>Why, without the full stop; what ILGPU's compiler throws says so in what it wraps.</summary>
    public static string Reason(Exception e) =>
        (e is InternalCompilerException { InnerException: { } inner } ? inner : e).Message.ReplaceLineEndings(" ").TrimEnd('.', ' ');

    /// <summary>Numbers on the device; whoever asks frees them.</summary>
    public MemoryBuffer1D<double, Stride1D.Dense> Allocate(long length) =>
        allocate is null ? Accelerator.Allocate1D<double>(length) : allocate(length);

    /// <summary>Work on the device, one thread at a time, the device bound to it.</summary>
    /// <exception cref="ScoringDeviceException">The device failed, most likely for want of memory.</exception>
    public T Run<T>(Func<T> work)
    {
        lock (_turn)
        {
            try
            {
                Accelerator.Bind();
                return work();
            }
            catch (Exception e) when (IsFailure(e))
            {
                throw new ScoringDeviceException(
                    $"Scoring on {Accelerator.Name} failed: {Reason(e)}. Use --ep cpu, fewer samples, or a device with more memory.", e);
            }
        }
    }
}
