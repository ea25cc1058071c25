using System.Collections.Immutable;

namespace OnnxMka.Numerics;

/// <summary>
/// Neurons of a layer removed one at a time, the others taking over what they gave (optimal brain surgery, Hassibi and Stork 1993). With
/// F [N, width] what the neurons give and W [width, outputs] what is made of it, <c>G = F'F + 1e-3 mean(diag F'F) I</c> and <c>C</c> its
/// inverse, again and again:
/// <code>
/// s_j = |W_j|^2 / C_jj      what is lost of |F W|^2, a little more by the ridge
/// j = the least s_j         the first of equals
/// W -= C_:j W_j / C_jj      C -= C_:j C_j: / C_jj
/// </code>
/// Only |W_j|^2 is needed of W: <c>M = W W'</c> stands for it, and both matrices, of which the lower halves are kept, are lessened by
/// panels of removals at once: <c>C - U U'</c> and <c>M - U V' - V U'</c> with <c>u = C_:j / sqrt(C_jj)</c> and
/// <c>v = M_:j / sqrt(C_jj) - M_jj / (2 C_jj) u</c>.
/// </summary>
internal sealed class NeuronRemoval
{
    private const double Ridge = 1e-3;
    private const double RepairRidge = 1e-4;

    /// <summary>A ridge for neurons that never fire: what they lose is nothing.</summary>
    private const double LeastRidge = 1e-150;

    private const int Depth = 64; // removals of a panel

    private readonly double[] _losses; // by how many are kept: [width + 1]

    private NeuronRemoval(ImmutableArray<int> order, double[] losses) => (Order, _losses) = (order, losses);

    /// <summary>All neurons, the first that goes first.</summary>
    public ImmutableArray<int> Order { get; }

    /// <summary>Bytes beside G and W.</summary>
    public static long Bytes(long width) =>
        (2 * sizeof(double) * width * width) + Cholesky.Bytes(width) + (sizeof(double) * width * ((6 * Depth) + (4 * Panels.Depth)));

    /// <summary>The removal of all neurons, one after the other.</summary>
    /// <param name="gram">F'F [width, width], of which the lower half is read.</param>
    /// <param name="weight">W [width, outputs].</param>
    /// <exception cref="ArgumentException">F'F is not finite, or has negative eigenvalues.</exception>
    public static NeuronRemoval Of(double[] gram, double[] weight, int width, int outputs)
    {
        double[] factor = [.. gram];
        AddToDiagonal(factor, width, Math.Max(Ridge * Trace(gram, width) / width, LeastRidge));
        var rest = new RemovalState(factor, weight, width, outputs, Depth);
        var losses = new double[width + 1];
        var order = ImmutableArray.CreateBuilder<int>(width);
        for (var kept = width; kept > 0; kept--)
        {
            var (neuron, loss) = rest.Remove();
            order.Add(neuron);
            losses[kept - 1] = losses[kept] + loss;
        }

        return new NeuronRemoval(order.MoveToImmutable(), losses);
    }

    /// <summary>
    /// The weight of those that are kept, [kept, outputs], once they give as much as they can of what all gave:
    /// <c>(G_kk + 1e-4 mean(diag G_kk) I)^-1 G_k: W</c>.
    /// </summary>
    /// <param name="gram">G = F'F [width, width], both halves.</param>
    /// <param name="weight">W [width, outputs].</param>
    /// <param name="kept">Rows of W, in the order of the result.</param>
    /// <exception cref="ArgumentException">F'F is not finite, or has negative eigenvalues.</exception>
    public static double[] Repaired(double[] gram, double[] weight, int width, int outputs, int[] kept)
    {
        var count = kept.Length;
        var (rows, square) = (new double[checked(count * width)], new double[checked(count * count)]);
        for (var i = 0; i < count; i++)
        {
            gram.AsSpan(kept[i] * width, width).CopyTo(rows.AsSpan(i * width));
            for (var j = 0; j < count; j++) square[(i * count) + j] = rows[(i * width) + kept[j]];
        }

        AddToDiagonal(square, count, Math.Max(RepairRidge * Trace(square, count) / count, LeastRidge));
        var factor = Cholesky.Of(square, count) ?? throw Indefinite();
        var wanted = Dense.Transpose(Dense.Multiply(rows, weight, count, width, outputs), count, outputs);
        factor.Solve(wanted);
        return Dense.Transpose(wanted, outputs, count);
    }

    /// <summary>What is lost of <c>|F W|^2</c> with so many neurons kept.</summary>
    public double Loss(int kept) => _losses[kept];

    /// <summary>Those that are kept where so many are, ascending.</summary>
    public int[] Kept(int count) => [.. Order[^count..].Order()];

    internal static ArgumentException Indefinite() => new("the products of the neurons are not positive definite");

    private static double Trace(double[] matrix, int n)
    {
        var trace = 0.0;
        for (var i = 0; i < n; i++) trace += matrix[(i * n) + i];
        return trace;
    }

    private static void AddToDiagonal(double[] matrix, int n, double value)
    {
        for (var i = 0; i < n; i++) matrix[(i * n) + i] += value;
    }
}
