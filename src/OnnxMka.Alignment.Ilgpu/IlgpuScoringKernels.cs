using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;

namespace OnnxMka.Alignment.Ilgpu;

/// <summary>
/// Scoring on a CUDA GPU, compiled by ILGPU: it needs the driver alone, no CUDA toolkit. Threads that call it take turns. Equal input gives
/// equal bits on one device; against <see cref="CpuScoringKernels"/> neighbour counts are equal, and sums differ by their rounding.
/// </summary>
public sealed class IlgpuScoringKernels : IScoringKernels, IDisposable
{
    private readonly Context _context;
    private readonly DeviceKernels _kernels;

    private IlgpuScoringKernels(Context context, Accelerator accelerator)
    {
        _context = context;
        _kernels = new DeviceKernels(accelerator);
    }

    /// <inheritdoc/>
    public string Name => _kernels.Accelerator.Name;

    /// <summary>Kernels on one CUDA GPU; null where the driver or that GPU is not there.</summary>
    /// <param name="deviceId">As the CUDA driver numbers them.</param>
    /// <exception cref="ScoringDeviceException">The GPU is there and cannot be used.</exception>
    public static IlgpuScoringKernels? OnCuda(int deviceId)
    {
        // Without libcuda a context has the simulated CPU only; it is not asked for here, and must not pass for a GPU.
        var context = Context.Create(builder => builder.Cuda());
        try
        {
            foreach (var device in context.GetCudaDevices())
            {
                if (device.DeviceId == deviceId)
                    return new IlgpuScoringKernels(context, device.CreateAccelerator(context));
            }
        }
        catch (AcceleratorException e)
        {
            context.Dispose();
            throw new ScoringDeviceException($"GPU {deviceId} cannot be used for scoring: {e.Message.TrimEnd('.')}. Use --ep cpu.", e);
        }

        context.Dispose();
        return null;
    }

    /// <summary>Threads simulated by this machine's, for tests on tiny data.</summary>
    internal static IlgpuScoringKernels Simulated()
    {
        var device = new CPUDevice(numThreadsPerWarp: 4, numWarpsPerMultiprocessor: 16, numMultiprocessors: 1); // groups of 64
        var context = Context.Create(builder => builder.CPU(device));
        return new IlgpuScoringKernels(context, device.CreateAccelerator(context));
    }

    void IScoringKernels.SquaredDistances(SampleMatrix x, double[] squared, int maxThreads)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(squared);
        if (squared.LongLength != (long)x.Samples * x.Samples)
        {
            throw new ArgumentException(
                $"The result holds {x.Samples} x {x.Samples} distances, not {squared.LongLength}.", nameof(squared));
        }

        _kernels.Run(() =>
        {
            using var matrix = Distances(x);
            matrix.CopyToCPU(squared);
            return squared;
        });
    }

    IDiffusionOperator IScoringKernels.Diffusion(SampleMatrix x, Func<double[], double> width, int maxThreads)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(width);
        return _kernels.Run(() =>
        {
            var matrix = Distances(x);
            try
            {
                var squared = new double[x.Samples * x.Samples];
                matrix.CopyToCPU(squared);
                return DeviceDiffusion.Of(_kernels, matrix, x.Samples, width(squared));
            }
            catch
            {
                matrix.Dispose();
                throw;
            }
        });
    }

    void IScoringKernels.NeighbourCounts(
        ScaledCoordinates left, ScaledCoordinates right, int neighbours, Span<int> leftCounts, Span<int> rightCounts)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        var n = left.Samples;
        if (right.Samples != n || leftCounts.Length != n || rightCounts.Length != n)
            throw new ArgumentException("Both spaces and both results must have the same number of samples.", nameof(right));
        ArgumentOutOfRangeException.ThrowIfLessThan(neighbours, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(neighbours, n);

        var both = _kernels.Run(() =>
        {
            using var x = _kernels.Accelerator.Allocate1D(Columns(left));
            using var y = _kernels.Accelerator.Allocate1D(Columns(right));
            using var counts = _kernels.Accelerator.Allocate1D<int>(2 * n); // n_x [N], n_y [N]
            var (nx, ny) = (counts.View.SubView(0, n), counts.View.SubView(n, n));
            _kernels.Neighbours(n, x.View, left.Dimension, y.View, right.Dimension, n, neighbours, nx, ny);
            return counts.GetAsArray1D();
        });
        both.AsSpan(0, n).CopyTo(leftCounts);
        both.AsSpan(n).CopyTo(rightCounts);
    }

    /// <summary>Frees the device.</summary>
    public void Dispose()
    {
        _kernels.Accelerator.Dispose();
        _context.Dispose();
    }

    /// <summary>D2 [N, N] on the device.</summary>
    private MemoryBuffer1D<double, Stride1D.Dense> Distances(SampleMatrix x)
    {
        using var values = _kernels.Accelerator.Allocate1D<float>(x.Values.Length);
        values.CopyFromCPU(x.Values.ToArray());
        var matrix = _kernels.Accelerator.Allocate1D<double>((long)x.Samples * x.Samples);
        _kernels.Distances(DistanceTiles.Grid(x.Samples), values.View, matrix.View, x.Samples, x.Features);
        _kernels.Accelerator.Synchronize(); // the features are freed on return
        return matrix;
    }

    /// <summary>[d, N].</summary>
    private static double[] Columns(ScaledCoordinates coordinates)
    {
        var values = new double[coordinates.Dimension * coordinates.Samples];
        for (var k = 0; k < coordinates.Dimension; k++)
            coordinates.Column(k).CopyTo(values.AsSpan(k * coordinates.Samples));
        return values;
    }
}
