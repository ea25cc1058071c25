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

    internal IlgpuScoringKernels(Context context, DeviceKernels kernels)
    {
        _context = context;
        _kernels = kernels;
    }

    /// <inheritdoc/>
    public string Name => _kernels.Accelerator.Name;

    /// <summary>Kernels on one CUDA GPU; null where the driver or that GPU is not there.</summary>
    /// <param name="deviceId">As the CUDA driver numbers them.</param>
    /// <exception cref="ScoringDeviceException">The GPU is there and cannot be used.</exception>
    public static IlgpuScoringKernels? OnCuda(int deviceId) => Refusing($"GPU {deviceId}", () =>
    {
        CudaLibrary.Use();
        if (CudaAPI.CurrentAPI.GetDeviceCount(out var devices) != CudaError.CUDA_SUCCESS || deviceId < 0 || deviceId >= devices)
            return null;

        // A context without devices has the simulated CPU; it is not asked for here, and must not pass for a GPU. Builder.Cuda()
        // asks the driver too, leaves out what it cannot use, and sets a second resolver under WSL, which is an error.
        return Open(
            () => Context.Create(_ => { }),
            context => Usable(deviceId).CreateAccelerator(context),
            accelerator => new DeviceKernels(accelerator));
    });

    /// <summary>Threads simulated by this machine's, for tests on tiny data.</summary>
    internal static IlgpuScoringKernels Simulated()
    {
        var device = new CPUDevice(numThreadsPerWarp: 4, numWarpsPerMultiprocessor: 16, numMultiprocessors: 1); // groups of 64
        return Open(
            () => Context.Create(_ => { }),
            device.CreateAccelerator,
            accelerator => new DeviceKernels(accelerator));
    }

    /// <summary>Context, device and kernels; where one cannot be had, those before it are given back.</summary>
    internal static IlgpuScoringKernels Open(
        Func<Context> create, Func<Context, Accelerator> start, Func<Accelerator, DeviceKernels> compile)
    {
        var context = create();
        Accelerator? accelerator = null;
        try
        {
            accelerator = start(context);
            return new IlgpuScoringKernels(context, compile(accelerator));
        }
        catch
        {
            GiveBack(accelerator, context);
            throw;
        }
    }

    /// <summary>What ILGPU throws is one line for people.</summary>
    /// <param name="name">What the line calls the device.</param>
    internal static IlgpuScoringKernels? Refusing(string name, Func<IlgpuScoringKernels?> open)
    {
        try
        {
            return open();
        }
        catch (Exception e) when (DeviceKernels.IsFailure(e))
        {
            throw new ScoringDeviceException($"{name} cannot be used for scoring: {DeviceKernels.Reason(e)}. Use --ep cpu.", e);
        }
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
    public void Dispose() => GiveBack(_kernels.Accelerator, _context);

    private static void GiveBack(Accelerator? accelerator, Context context)
    {
        try
        {
            accelerator?.Dispose();
        }
        finally
        {
            context.Dispose();
        }
    }

    /// <summary>ILGPU leaves out, without a word, devices that it has no code for.</summary>
    private static CudaDevice Usable(int deviceId)
    {
        var device = CudaDevice.GetDevices(d => d.DeviceId == deviceId).OfType<CudaDevice>().FirstOrDefault()
            ?? throw new NotSupportedException("ILGPU cannot describe it");
        return device is { Architecture: not null, InstructionSet: not null }
            ? device
            : throw new NotSupportedException("its driver is too old for the code that ILGPU writes");
    }

    /// <summary>D2 [N, N] on the device.</summary>
    private MemoryBuffer1D<double, Stride1D.Dense> Distances(SampleMatrix x)
    {
        using var values = _kernels.Accelerator.Allocate1D<float>(x.Values.Length);
        values.CopyFromCPU(x.Values.ToArray());
        var matrix = _kernels.Allocate((long)x.Samples * x.Samples);
        try
        {
            _kernels.Distances(DistanceTiles.Grid(x.Samples), values.View, matrix.View, x.Samples, x.Features);
            _kernels.Accelerator.Synchronize(); // the features are freed on return
            return matrix;
        }
        catch
        {
            matrix.Dispose();
            throw;
        }
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
