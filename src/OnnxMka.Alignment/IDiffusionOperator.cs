namespace OnnxMka.Alignment;

/// <summary>
/// The symmetric diffusion operator A of one seam, wherever its kernels keep it: A u0 = u0, all other eigenvalues in (-1, 1).
/// Used by one thread at a time.
/// </summary>
internal interface IDiffusionOperator : IDisposable
{
    /// <summary>N.</summary>
    int Samples { get; }

    /// <summary>u0 [N]: the unit eigenvector of eigenvalue 1, all entries positive. Not to be written to.</summary>
    double[] Stationary { get; }

    /// <summary>A [N, N], to be decomposed whole where there are few samples. Not to be written to.</summary>
    double[] ToDense();

    /// <summary>Y = A Q for eight vectors side by side; the same bits every time.</summary>
    /// <param name="panel">Q [N, 8], row-major.</param>
    /// <param name="product">Y [N, 8], row-major.</param>
    /// <param name="maxThreads">Threads at most; 0 for all.</param>
    void Multiply(double[] panel, double[] product, int maxThreads);
}
