using System.Numerics.Tensors;
using ILGPU;
using ILGPU.Runtime;

// The diffusion operator of one seam on a device. K [N, N] stays there; A = S K S, S = diag(s), is never formed:
//
//   p = row sums of K;  s = p^(-1/2) / v;  v^2 = p^(-1/2) (K p^(-1/2));  u0 = v / ||v||;  A Q = S (K (S Q))


namespace OnnxMka.Alignment.Ilgpu;

internal sealed class DeviceDiffusion : IDiffusionOperator
{
    private readonly DeviceKernels _kernels;
    private readonly MemoryBuffer1D<double, Stride1D.Dense> _matrix; // K [N, N]
    private readonly MemoryBuffer1D<double, Stride1D.Dense> _panel; // [N, 8]
    private readonly MemoryBuffer1D<double, Stride1D.Dense> _partial; // [chunks, N, 8]
    private readonly double[] _scale; // s [N]

    private DeviceDiffusion(DeviceKernels kernels, MemoryBuffer1D<double, Stride1D.Dense> matrix, double[] scale, double[] stationary)
    {
        _kernels = kernels;
        _matrix = matrix;
        _scale = scale;
        Stationary = stationary;
        _panel = kernels.Allocate((long)Samples * PanelProduct.Width);
        try
        {
            _partial = kernels.Allocate((long)PanelProduct.Chunks(Samples) * Samples * PanelProduct.Width);
        }
        catch
        {
            _panel.Dispose();
            throw;
        }
    }

    public int Samples => _scale.Length;

    public double[] Stationary { get; }

    /// <param name="matrix">D2 [N, N] on the device; becomes K, and is freed with the operator.</param>
    public static DeviceDiffusion Of(DeviceKernels kernels, MemoryBuffer1D<double, Stride1D.Dense> matrix, int n, double sigma)
    {
        using var weights = kernels.Allocate(n);
        using var sums = kernels.Allocate(n);
        var root = new double[n]; // v [N]
        var density = new double[n]; // p^(-1/2) [N]
        kernels.Exponentiate(n, matrix.View, n, -1 / (sigma * sigma), sums.View);
        sums.CopyToCPU(density);
        for (var i = 0; i < n; i++)
            density[i] = 1 / Math.Sqrt(density[i]);

        weights.CopyFromCPU(density);
        kernels.Weigh(n, matrix.View, n, weights.View, sums.View);
        sums.CopyToCPU(root);
        var scale = new double[n];
        for (var i = 0; i < n; i++)
        {
            root[i] = Math.Sqrt(density[i] * root[i]);
            scale[i] = density[i] / root[i];
        }

        TensorPrimitives.Divide(root, TensorPrimitives.Norm<double>(root), root);
        return new DeviceDiffusion(kernels, matrix, scale, root);
    }

    public double[] ToDense()
    {
        var n = Samples;
        var a = _kernels.Run(_matrix.GetAsArray1D);
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++)
                a[(i * n) + j] *= _scale[i] * _scale[j];
        }

        return a;
    }

    public void Multiply(double[] panel, double[] product, int maxThreads)
    {
        ArgumentNullException.ThrowIfNull(panel);
        ArgumentNullException.ThrowIfNull(product);
        int n = Samples, chunks = PanelProduct.Chunks(n);
        Scale(panel, product);
        _kernels.Run(() =>
        {
            _panel.CopyFromCPU(product);
            _kernels.Partial(new Index2D(n, chunks), _matrix.View, n, _panel.View, _partial.View);
            _kernels.Join(n * PanelProduct.Width, _partial.View, n * PanelProduct.Width, chunks, _panel.View);
            _panel.CopyToCPU(product);
            return product;
        });
        Scale(product, product);
    }

    public void Dispose() => _kernels.Run(() =>
    {
        _matrix.Dispose();
        _panel.Dispose();
        _partial.Dispose();
        return true;
    });

    /// <summary>Row i times s_i: [N, 8].</summary>
    private void Scale(double[] source, double[] target)
    {
        for (var i = 0; i < target.Length; i++)
            target[i] = source[i] * _scale[i / PanelProduct.Width];
    }
}
