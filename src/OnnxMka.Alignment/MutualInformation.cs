// Mutual information in nats from neighbour counts (Phys. Rev. E 69, 066138, eq. 8):
//
//   I = psi(k) + psi(N) - mean_i( psi(n_x(i) + 1) + psi(n_y(i) + 1) ),  clamped at 0;  H = I(E; E) = psi(N) - psi(k)
//
// psi(n + 1) - psi(k) = sum_{m=k}^{n} 1/m is what a count n costs, so I = H - mean_i( cost(n_x) + cost(n_y) ): no digamma
// is needed, and no difference of large terms. Without ties n >= k - 1, and cost(k - 1) = 0. Among ties (repeated
// samples) fewer than k - 1 others can be strictly closer; their cost is 0 too, so that 0 <= I <= H holds for all data
// and I(E; E) is H to the last bit.

namespace OnnxMka.Alignment;

internal sealed class MutualInformation
{
    private readonly double[] _cost; // [N]: cost of a count 0..N-1

    public MutualInformation(int samples, int neighbours)
    {
        Samples = samples;
        Neighbours = neighbours;
        _cost = new double[samples];
        double sum = 0, lost = 0; // Kahan: the last digit of the sum does not grow with N
        for (var m = neighbours; m < samples; m++)
        {
            var term = (1.0 / m) - lost;
            var next = sum + term;
            lost = next - sum - term;
            sum = next;
            _cost[m] = sum;
        }
    }

    public int Samples { get; }

    public int Neighbours { get; }

    /// <summary>H = psi(N) - psi(k), in nats.</summary>
    public double Entropy => _cost[Samples - 1];

    /// <summary>I in nats, 0 &lt;= I &lt;= H, from n_x [N] and n_y [N].</summary>
    public double FromCounts(ReadOnlySpan<int> leftCounts, ReadOnlySpan<int> rightCounts)
    {
        double sum = 0;
        for (var i = 0; i < leftCounts.Length; i++)
            sum += _cost[leftCounts[i]] + _cost[rightCounts[i]];
        return Math.Max(0, Entropy - (sum / leftCounts.Length));
    }
}
