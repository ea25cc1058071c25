using ILGPU;
using ILGPU.Runtime;

namespace OnnxMka.Alignment.Ilgpu;

/// <summary>The kernels compiled for one accelerator.</summary>
internal sealed class DeviceKernels(Accelerator accelerator)
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

    /// <summary>Work on the device, one thread at a time, the device bound to it.</summary>
    /// <exception cref="ScoringDeviceException">The device failed, most likely for want of memory.</exception>
    public T Run<T>(Func<T> work)
    {
        lock (_turn)
        {
            Accelerator.Bind();
            try
            {
                return work();
            }
            catch (AcceleratorException e)
            {
                throw new ScoringDeviceException(
                    $"Scoring on {Accelerator.Name} failed: {e.Message.TrimEnd('.')}. Use --ep cpu, fewer samples, or a device with more "
                        + "memory.",
                    e);
            }
        }
    }
}
