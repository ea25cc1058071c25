using System.Numerics.Tensors;

namespace OnnxMka.Numerics;

/// <summary>
/// A symmetric positive semidefinite matrix [size, size] by its products with columns, in float32. Its scale is unknown, a power of two
/// that keeps the largest entry of what it is made of between 1 and 2: its subspaces are asked for, not its values.
/// </summary>
internal abstract class Semidefinite(int size)
{
    public int Size => size;

    /// <summary>Times columns [size, width].</summary>
    public abstract float[] Times(float[] columns, int width);

    /// <summary>Times a random start.</summary>
    public abstract float[] Times(Signs start);

    /// <summary>The matrix itself, [n, n], of which a copy is made.</summary>
    /// <exception cref="ArgumentException">An entry is not finite.</exception>
    public static Semidefinite Of(double[] matrix, int n) => new Whole(Scaled(matrix), n);

    /// <summary>W'GW, which is never formed; copies are made of both.</summary>
    /// <param name="weight">W [inputs, outputs]</param>
    /// <param name="gram">G [inputs, inputs]</param>
    /// <exception cref="ArgumentException">An entry is not finite.</exception>
    public static Semidefinite Between(double[] weight, double[] gram, int inputs, int outputs) =>
        new Factored(Scaled(weight), Scaled(gram), inputs, outputs);

    private static float[] Scaled(double[] matrix)
    {
        const int Some = 1 << 16;
        var largest = matrix.Length == 0 ? 0 : TensorPrimitives.MaxMagnitude<double>(matrix);
        if (!double.IsFinite(largest)) throw new ArgumentException("the matrix is not finite", nameof(matrix));
        var power = largest == 0 ? 0 : -Math.ILogB(largest);

        // In two steps: 2^1074, for the smallest numbers, is none of float64.
        var (first, second) = (Math.ScaleB(1, power / 2), Math.ScaleB(1, power - (power / 2)));
        var scaled = new float[matrix.Length];
        RowBlocks.For(matrix.Length, Some, 0, (from, end) =>
        {
            for (var i = from; i < end; i++) scaled[i] = (float)(matrix[i] * first * second);
        });
        return scaled;
    }

    private sealed class Whole(float[] matrix, int n) : Semidefinite(n)
    {
        public override float[] Times(float[] columns, int width) => Dense.Multiply(matrix, columns, Size, Size, width);

        public override float[] Times(Signs start) => start.Times(matrix, Size);
    }

    private sealed class Factored(float[] weight, float[] gram, int inputs, int outputs) : Semidefinite(outputs)
    {
        public override float[] Times(float[] columns, int width) =>
            Outer(Dense.Multiply(weight, columns, inputs, Size, width), width);

        public override float[] Times(Signs start) => Outer(start.Times(weight, inputs), start.Width);

        private float[] Outer(float[] images, int width) =>
            Dense.TurnedMultiply(weight, Dense.Multiply(gram, images, inputs, inputs, width), Size, inputs, width);
    }
}
