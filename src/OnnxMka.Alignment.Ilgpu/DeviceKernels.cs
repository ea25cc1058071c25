using ILGPU;
using ILGPU.Runtime;

namespace OnnxMka.Alignment.Ilgpu;

/// <summary>The kernels compiled for one accelerator. One thread at a time uses it: it holds <see cref="Gate"/> and has bound the accelerator.</summary>
internal sealed class DeviceKernels(Accelerator accelerator)
{
    public Lock Gate { get; } = new();

    public Accelerator Accelerator { get; } = accelerator;

    public Action<KernelConfig, ArrayView<float>, ArrayView<double>, int, int> Distances { get; } =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<double>, int, int>(DistanceTiles.Kernel);

    public Action<Index1D, ArrayView<double>, int, double, ArrayView<double>> Exponentiate { get; } =
        accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<double>, int, double, ArrayView<double>>(AffinityRows.Exponentiate);

    public Action<Index1D, ArrayView<double>, int, ArrayView<double>, ArrayView<double>> Weigh { get; } =
        accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<double>, int, ArrayView<double>, ArrayView<double>>(AffinityRows.Weigh);

    public Action<Index2D, ArrayView<double>, int, ArrayView<double>, ArrayView<double>> Partial { get; } =
        accelerator.LoadAutoGroupedStreamKernel<Index2D, ArrayView<double>, int, ArrayView<double>, ArrayView<double>>(PanelProduct.Partial);

    public Action<Index1D, ArrayView<double>, int, int, ArrayView<double>> Join { get; } =
        accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<double>, int, int, ArrayView<double>>(PanelProduct.Join);

    public Action<Index1D, ArrayView<double>, int, ArrayView<double>, int, int, int, ArrayView<int>, ArrayView<int>> Neighbours { get; } =
        accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<double>, int, ArrayView<double>, int, int, int, ArrayView<int>, ArrayView<int>>(NeighbourScan.Kernel);
}
