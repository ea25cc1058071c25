using ILGPU;
using ILGPU.Backends;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using OnnxMka.Alignment.Tests;

namespace OnnxMka.Alignment.Ilgpu.Tests;

public sealed class DeviceFailureTests : IDisposable
{
    private const int Samples = 40;

    private static readonly NotSupportedIntrinsicException _noCode = new("Math.Exp");

    private readonly Context _context = Context.Create(builder => builder.CPU(new CPUDevice(4, 16, 1)));
    private readonly Accelerator _accelerator;
    private readonly List<MemoryBuffer1D<double, Stride1D.Dense>> _allocated = [];

    public DeviceFailureTests() => _accelerator = _context.CreateCPUAccelerator(0);

    public static TheoryData<Exception, string> WhatIlgpuThrows => new()
    {
        { new OutOfDeviceMemory(), "out of memory" },
        { new CapabilityNotSupportedException("float64 is not there."), "float64 is not there" },
        { new InternalCompilerException("An internal error", new NotSupportedException("no such\nfunction")), "no such function" },
        { _noCode, _noCode.Message },
        { new NotSupportedException("driver 1 is too old"), "driver 1 is too old" },
        { new EntryPointNotFoundException("cuCtxCreate_v2"), "cuCtxCreate_v2" },
    };

    [Theory]
    [MemberData(nameof(WhatIlgpuThrows))]
    public void AFailedDeviceIsNamedWithWhatToDo(Exception thrown, string reason)
    {
        var kernels = new DeviceKernels(_accelerator);
        var failure = Assert.Throws<ScoringDeviceException>(() => kernels.Run<int>(() => throw thrown));
        Assert.Equal(
            $"Scoring on {_accelerator.Name} failed: {reason}. Use --ep cpu, fewer samples, or a device with more memory.",
            failure.Message);
        Assert.Equal(7, kernels.Run(() => 7)); // and the next one has its turn
    }

    [Fact]
    public void ErrorsOfTheProgramAreNotTheDevices() =>
        Assert.Throws<ArgumentException>(() => new DeviceKernels(_accelerator).Run<int>(() => throw new ArgumentException("a bug")));

    [Theory]
    [MemberData(nameof(WhatIlgpuThrows))]
    public void ADeviceWithoutKernelsIsGivenBackAndSaysWhy(Exception thrown, string reason)
    {
        var failure = Assert.Throws<ScoringDeviceException>(() => IlgpuScoringKernels.Refusing(
            "GPU 3", () => IlgpuScoringKernels.Open(() => _context, _ => _accelerator, _ => throw thrown)));
        Assert.Equal($"GPU 3 cannot be used for scoring: {reason}. Use --ep cpu.", failure.Message);
        Assert.True(_accelerator.IsDisposed);
        Assert.True(_context.IsDisposed);
    }

    [Fact]
    public void AContextWithoutADeviceIsGivenBackAndSaysWhy()
    {
        Assert.Throws<ScoringDeviceException>(() => IlgpuScoringKernels.Refusing(
            "GPU 3", () => IlgpuScoringKernels.Open(() => _context, _ => throw new OutOfDeviceMemory(), a => new DeviceKernels(a))));
        Assert.True(_context.IsDisposed);
        Assert.Throws<ScoringDeviceException>(() => IlgpuScoringKernels.Refusing("GPU 3", () => throw new DllNotFoundException("libcuda")));
    }

    /// <summary>Matrix, weights, sums, panel, parts of the product: whichever cannot be had, those before it are freed.</summary>
    [Fact]
    public void WhatWasAllocatedBeforeAFailureIsFreed()
    {
        const int Allocations = 5;
        for (var room = 0; room < Allocations; room++)
        {
            Assert.Throws<ScoringDeviceException>(() => Diffusion(room));
            Assert.Equal(room, _allocated.Count);
            Assert.All(_allocated, buffer => Assert.True(buffer.IsDisposed));
        }

        using (Diffusion(Allocations)) Assert.Equal(Allocations, _allocated.Count);
        Assert.All(_allocated, buffer => Assert.True(buffer.IsDisposed));
    }

    /// <summary>Scaled coordinates are always finite; should they ever not be, the kernel ends all the same.</summary>
    [Theory]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NaN)]
    public async Task DistancesThatAreNotFiniteEndTheScan(double broken)
    {
        const int N = 6;
        using var x = _accelerator.Allocate1D([broken, 1, 2, 3, 5, 8]);
        using var counts = _accelerator.Allocate1D<int>(2 * N);
        await Task.Run(() =>
        {
            new DeviceKernels(_accelerator).Neighbours(
                N, x.View, 1, x.View, 1, N, N - 1, counts.View.SubView(0, N), counts.View.SubView(N, N));
            _accelerator.Synchronize();
        }).WaitAsync(TimeSpan.FromSeconds(30));
    }

    public void Dispose()
    {
        _accelerator.Dispose();
        _context.Dispose();
    }

    private IDiffusionOperator Diffusion(int room)
    {
        _allocated.Clear();
        var kernels = new DeviceKernels(_accelerator, length =>
        {
            if (_allocated.Count == room) throw new OutOfDeviceMemory();
            _allocated.Add(_accelerator.Allocate1D<double>(length));
            return _allocated[^1];
        });
        IScoringKernels scoring = new IlgpuScoringKernels(_context, kernels);
        return scoring.Diffusion(SyntheticSeams.Noise(Samples, 8, seed: 1), _ => 1, 1);
    }

    private sealed class OutOfDeviceMemory() : AcceleratorException("out of memory")
    {
        public override AcceleratorType AcceleratorType => AcceleratorType.CPU;
    }
}
