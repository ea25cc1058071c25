using OnnxMka.Running.Parts;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Compensation;

/// <summary>Calibration samples to fit on, and others that judge the fit: every eighth.</summary>
/// <param name="HeldOut">Null where there is no guard.</param>
internal sealed record CalibrationSplit(CalibrationSet Fit, CalibrationSet? HeldOut)
{
    private const int Share = 8;

    /// <summary>Windows of a length that leave at least so many rows to fit to.</summary>
    public static int Windows(long rows, int length)
    {
        var fit = (rows + length - 1) / length;
        return checked((int)(fit + ((fit - 1) / (Share - 1))));
    }

    public static CalibrationSplit Of(CalibrationSet set) => new(
        set with { Samples = [.. set.Samples.Where((_, i) => i % Share != Share - 1)] },
        set with { Samples = [.. set.Samples.Where((_, i) => i % Share == Share - 1)] });
}

/// <summary>The original seams of both parts of a split.</summary>
public sealed class SplitSeams : IDisposable
{
    private SplitSeams(OriginalSeams fit, OriginalSeams? heldOut)
    {
        Fit = fit;
        HeldOut = heldOut;
    }

    /// <summary>Over the samples that something may be fitted to.</summary>
    public OriginalSeams Fit { get; }

    /// <summary>Over the samples that judge the fit; null where there is no guard.</summary>
    public OriginalSeams? HeldOut { get; }

    internal static SplitSeams Of(BlockChain chain, CalibrationSplit split, IProgress<int>? progress = null, CancellationToken ct = default)
    {
        var seams = OriginalSeams.Of(chain, split.HeldOut is { } held ? [split.Fit, held] : [split.Fit], progress, ct);
        return new SplitSeams(seams[0], seams.Length > 1 ? seams[1] : null);
    }

    /// <summary>Frees both.</summary>
    public void Dispose()
    {
        Fit.Dispose();
        HeldOut?.Dispose();
    }

    internal SeamPair At(int block) => new(Fit[block], HeldOut?[block]);
}

/// <summary>One stream at one seam, for both parts of a split.</summary>
internal sealed record SeamPair(SeamActivations Fit, SeamActivations? HeldOut) : IDisposable
{
    public void Dispose()
    {
        Fit.Dispose();
        HeldOut?.Dispose();
    }
}
