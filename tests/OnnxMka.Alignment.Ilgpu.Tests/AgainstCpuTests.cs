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
        // ||change of A||: both sides within (exponent 10) (H + 4) 2^-53 + (2 N + 16) 2^-53, see DiffusionOperatorContract; u_k turns by that / gap
        // (Davis and Kahan), and psi_k divides by u_0. Lanczos stops at 1e-13 / gap.
        foreach (var seam in _seams)
        {
            var cpu = DiffusionMap.Embed(seam, _options);
            var device = DiffusionMap.Embed(seam, _options, SimulatedDevice.Kernels);
            var change = 2 * (((10 * (Features + 4)) + (2 * Samples) + 16) * 1.2e-16) + 2e-13;
            var gap = Enumerable.Range(0, 3).Min(k => cpu.Eigenvalues[k] - cpu.Eigenvalues[k + 1]);
            var least = Samples * 0.05; // 1 / u_0 <= 20 sqrt(N) would be a very uneven density; u_0 is about 1 / sqrt(N)
            var tolerance = 2 * change / gap * least;
            Assert.InRange(tolerance, 0, 1e-9);
            Assert.InRange(Difference(cpu, device), 0, tolerance);

            var values = seam.Values.ToArray();
            values[0] += 1e-4f;
            Assert.True(Difference(cpu, DiffusionMap.Embed(new SampleMatrix(Samples, Features, values), _options, SimulatedDevice.Kernels)) > tolerance);
        }
    }

    private static double Difference(LayerEmbedding a, LayerEmbedding b) =>
        a.Coordinates.Zip(b.Coordinates, (x, y) => Math.Abs(Math.Abs(x) - Math.Abs(y))).Max();

    private static double[] Scores(IScoringKernels kernels, SampleMatrix[] seams)
    {
        var matrix = SimilarityMatrix.Compute([.. seams.Select(seam => DiffusionMap.Embed(seam, _options, kernels))], _options, kernels: kernels);
        return [.. Enumerable.Range(0, seams.Length * seams.Length).Select(place => matrix[place / seams.Length, place % seams.Length])];
    }
}
