using System.Collections.Immutable;
using System.Numerics;
using OnnxMka.Graph.Editing;
using OnnxMka.Numerics;

namespace OnnxMka.Compensation;

/// <summary>
/// A map of the stream behind a cut, as standard ONNX operators:
/// <code>
/// linear     x + x A
/// hadamard   x P,  P = H diag(d) H'
/// scale      x g
/// </code>
/// </summary>
internal sealed record SeamMap(SeamMapForm Form, ImmutableArray<long> Shape, double[] Values)
{
    public static SeamMap Linear(double[] change, int width) => new(SeamMapForm.Linear, [width, width], change);

    public static SeamMap Scale(double factor) => new(SeamMapForm.Scale, [1], [factor]);

    /// <param name="channels">d, one factor a Hadamard channel.</param>
    public static SeamMap Hadamard(double[] channels)
    {
        var (width, order) = (channels.Length, HadamardOrder(channels.Length));
        var matrix = new double[checked(width * width)];
        Parallel.For(0, width, i =>
        {
            var start = i / order * order;
            for (var j = start; j < start + order; j++)
            {
                double sum = 0;
                for (var k = 0; k < order; k++) sum += Sign(i - start, k) * channels[start + k] * Sign(j - start, k);
                matrix[(i * width) + j] = sum / order;
            }
        });
        return new SeamMap(SeamMapForm.Hadamard, [width, width], matrix);
    }

    /// <summary>Largest power of 2 that divides the width: the transform is done in blocks of that size.</summary>
    public static int HadamardOrder(int width) => 1 << BitOperations.TrailingZeroCount(width);

    /// <summary>One row through the normalised transform, in place.</summary>
    public static void Transform(Span<double> row)
    {
        var order = HadamardOrder(row.Length);
        for (var start = 0; start < row.Length; start += order)
        {
            for (var half = 1; half < order; half *= 2)
            {
                for (var i = start; i < start + order; i++)
                {
                    if (((i - start) & half) != 0) continue;
                    (row[i], row[i + half]) = (row[i] + row[i + half], row[i] - row[i + half]);
                }
            }
        }

        foreach (ref var value in row) value /= Math.Sqrt(order);
    }

    /// <summary>Adds what the map makes of rows: [rows, width].</summary>
    public double[] Apply(ReadOnlySpan<float> rows, int width)
    {
        var x = new double[rows.Length];
        for (var i = 0; i < x.Length; i++) x[i] = rows[i];
        if (Form == SeamMapForm.Scale) return [.. x.Select(v => v * Values[0])];
        var product = Dense.Multiply(x, Values, x.Length / width, width, width);
        for (var i = 0; i < x.Length && Form == SeamMapForm.Linear; i++) product[i] += x[i];
        return product;
    }

    public IEnumerable<NodeSpec> Nodes(string from, string parameter, string to)
    {
        switch (Form)
        {
            case SeamMapForm.Linear:
                return
                [
                    new NodeSpec("MatMul", [from, parameter], [$"{to}/change"], $"{to}/MatMul"),
                    new NodeSpec("Add", [from, $"{to}/change"], [to], $"{to}/Add"),
                ];
            case SeamMapForm.Hadamard:
                return [new NodeSpec("MatMul", [from, parameter], [to], $"{to}/MatMul")];
            default:
                return [new NodeSpec("Mul", [from, parameter], [to], $"{to}/Mul")];
        }
    }

    /// <summary>Sylvester's matrix: parity of the common bits.</summary>
    private static int Sign(int row, int column) => (BitOperations.PopCount((uint)(row & column)) & 1) == 0 ? 1 : -1;
}
