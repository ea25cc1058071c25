namespace OnnxMka.Alignment;

/// <summary>What a user may choose about the similarity of two seams. Every value is checked when it is set.</summary>
public sealed record AlignmentOptions
{
    /// <summary>
    /// Largest <see cref="EmbeddingDimension"/>: beyond it a nearest-neighbour estimate from any feasible number of samples says nothing.
    /// </summary>
    internal const int MaxEmbeddingDimension = 32;

    /// <summary>k of the nearest-neighbour estimator, at least 1. Default 5. More neighbours: less variance, more bias.</summary>
    public int Neighbours
    {
        get;
        init
        {
            if (value < 1)
                throw new ArgumentOutOfRangeException(nameof(value), value, "Neighbours must be at least 1.");
            field = value;
        }
    }

    = 5;

    /// <summary>d, the diffusion coordinates kept per sample, 1 to 32. Default 2.</summary>
    public int EmbeddingDimension
    {
        get;
        init
        {
            if (value is < 1 or > MaxEmbeddingDimension)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(value), value, $"The embedding dimension must be 1 to {MaxEmbeddingDimension}.");
            }

            field = value;
        }
    }

    = 2;

    /// <summary>
    /// t, the power of the eigenvalue in each coordinate; finite, at least 0. Default 1.
    /// It scales whole coordinates, so it shows in the embedding but not in NPIB, which standardises them.
    /// </summary>
    public double DiffusionTime
    {
        get;
        init
        {
            if (!double.IsFinite(value) || value < 0)
                throw new ArgumentOutOfRangeException(nameof(value), value, "The diffusion time must be finite and not negative.");
            field = value;
        }
    }

    = 1;

    /// <summary>Kernel width in the units of the activations; null (the default) takes the median distance of each seam.</summary>
    public double? Sigma
    {
        get;
        init
        {
            // sigma^2 divides the squared distances, so it must neither vanish nor overflow.
            if (value is { } sigma && (sigma <= 0 || !double.IsNormal(sigma * sigma)))
                throw new ArgumentOutOfRangeException(nameof(value), sigma, "Sigma must be positive, and its square a normal number.");
            field = value;
        }
    }

    /// <summary>Threads to use at most; 0 (the default) uses all. The results are the same bits for any value.</summary>
    public int MaxThreads
    {
        get;
        init
        {
            if (value < 0)
                throw new ArgumentOutOfRangeException(nameof(value), value, "The number of threads must not be negative; 0 means all.");
            field = value;
        }
    }

    /// <summary>Refuses a sample count from which k neighbours or d + 1 eigenpairs cannot be taken with one to spare.</summary>
    internal void RequireSamples(int samples)
    {
        if (samples <= Neighbours + 1)
        {
            throw new DegenerateDataException(
                $"{samples} samples are too few for {Neighbours} neighbours: at least {Neighbours + 2} are needed. "
                    + "Give more calibration samples.");
        }

        if (samples <= EmbeddingDimension + 1)
        {
            throw new DegenerateDataException(
                $"{samples} samples are too few for {EmbeddingDimension} diffusion coordinates: "
                + $"at least {EmbeddingDimension + 2} are needed. "
                + "Give more calibration samples.");
        }
    }
}
