using OnnxMka.Alignment.Tests;

namespace OnnxMka.Alignment.Ilgpu.Tests;

/// <summary>Scores from seams to NPIB: the device against the CPU kernels.</summary>
public sealed class AgainstCpuTests
{
    private const int Samples = 140; // Lanczos
    private const int Features = 24;

    private static readonly AlignmentOptions _options = new();

    private readonly SampleMatrix[] _seams = SyntheticSeams.Stack(4, Samples, Features, seed: 12);

    [Fact]
    public void NpibIsTheSame()
    {
        // Counts are exact for given coordinates. Coordinates differ by their rounding (below), so a count changes only where two of the
        // 140^2 distances of a pair are closer than that: not with this seed, and then by one neighbour.
        var cpu = Scores(new CpuScoringKernels(), _seams);
        var device = Scores(SimulatedDevice.Kernels, _seams);
        Assert.Equal(cpu, device);
        Assert.NotEqual(cpu, Scores(SimulatedDevice.Kernels, [.. _seams[..3], SyntheticSeams.Seam(Samples, Features, seed: 13)]));
    }

    [Fact]
    public void CoordinatesDifferByTheirRounding()
    {
        foreach (var seam in _seams)
        {
            var cpu = DiffusionMap.Embed(seam, _options);
            var device = DiffusionMap.Embed(seam, _options, SimulatedDevice.Kernels);
            var tolerance = Tolerance(seam, cpu);
            Assert.InRange(tolerance, 0, 1e-8); // a spectrum too dense to compare by would make this test say nothing
            Assert.InRange(Difference(cpu, device), 0, tolerance);

            var values = seam.Values.ToArray();
            values[0] += 1e-4f;
            Assert.True(
                Difference(
                    cpu, DiffusionMap.Embed(new SampleMatrix(Samples, Features, values), _options, SimulatedDevice.Kernels)) > tolerance);
        }
    }

    /// <summary>
    /// A entry by entry: 3 E (H + 4) + 2 N + 16 units of 2^-53 on each side, E the largest exponent (see DiffusionOperatorContract), and A
    /// has norm 1 and no negative entry, so its change has no larger norm. Lanczos stops at 1e-13 on each side. u_k and u_0 turn by that /
    /// gap (Davis and Kahan), and psi_k = u_k / u_0 takes both, divided by the smallest u_0.
    /// </summary>
    private static double Tolerance(SampleMatrix seam, LayerEmbedding embedding)
    {
        double largest = 0;
        using var diffusion = ((IScoringKernels)new CpuScoringKernels()).Diffusion(
            seam,
            squared =>
            {
                largest = squared.Max() / (embedding.Sigma * embedding.Sigma);
                return embedding.Sigma;
            },
            0);
        var change = (2 * ((3 * largest * (Features + 4)) + (2 * Samples) + 16) * 1.2e-16) + 2e-13;
        var gap = Enumerable.Range(0, 3).Min(k => embedding.Eigenvalues[k] - embedding.Eigenvalues[k + 1]);
        return change / gap * (1 + embedding.Coordinates.Max(Math.Abs)) / diffusion.Stationary.Min();
    }

    private static double Difference(LayerEmbedding a, LayerEmbedding b) =>
        a.Coordinates.Zip(b.Coordinates, (x, y) => Math.Abs(Math.Abs(x) - Math.Abs(y))).Max();

    private static double[] Scores(IScoringKernels kernels, SampleMatrix[] seams)
    {
        var matrix = SimilarityMatrix.Compute(
            [.. seams.Select(seam => DiffusionMap.Embed(seam, _options, kernels))], _options, kernels: kernels);
        return [.. Enumerable.Range(0, seams.Length * seams.Length).Select(place => matrix[place / seams.Length, place % seams.Length])];
    }
}
