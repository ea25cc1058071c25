using System.Numerics;

namespace OnnxMka.Compensation;

/// <summary>
/// Sums of a least-squares problem <c>min |X D - R|</c>, in float64: <c>X'X</c> (its lower half), <c>X'R</c> and the column sums. Rows are
/// added sample by sample and every sum belongs to one thread, so that neither threads nor batches change a bit.
/// </summary>
/// <param name="inputs">Columns of X.</param>
/// <param name="outputs">Columns of R.</param>
internal sealed class NormalEquations(int inputs, int outputs)
{
    private readonly double[] _gram = new double[checked(inputs * inputs)];
    private readonly double[] _cross = new double[checked(inputs * outputs)];
    private readonly double[] _inputSums = new double[inputs];
    private readonly double[] _outputSums = new double[outputs];
    private double[] _x = [];
    private double[] _r = [];
    private double _weight;

    public int Inputs => inputs;

    public int Outputs => outputs;

    /// <summary>Adds the rows of one sample.</summary>
    /// <param name="x">[rows, inputs]</param>
    /// <param name="r">[rows, outputs]</param>
    /// <param name="scale">[rows]: both sides of a row's equation are multiplied by it, an intercept's too; empty for 1.</param>
    public void Add(ReadOnlySpan<float> x, ReadOnlySpan<float> r, ReadOnlySpan<double> scale = default)
    {
        var rows = x.Length / inputs;
        Transpose(x, inputs, rows, scale, ref _x);
        Transpose(r, outputs, rows, scale, ref _r);
        _weight += scale.IsEmpty ? rows : System.Numerics.Tensors.TensorPrimitives.SumOfSquares(scale);
        Parallel.For(0, inputs, i =>
        {
            AddProducts(_x, i, rows, _x, i + 1, _gram, i * inputs);
            AddProducts(_x, i, rows, _r, outputs, _cross, i * outputs);
        });
        AddSums(_x, rows, scale, _inputSums);
        AddSums(_r, rows, scale, _outputSums);
    }

    /// <summary>X'X in full. Centred: of X less its mean.</summary>
    public double[] Gram(bool centred)
    {
        var full = new double[_gram.Length];
        for (var i = 0; i < inputs; i++)
        {
            for (var j = 0; j <= i; j++)
            {
                var value = _gram[(i * inputs) + j] - (centred ? _inputSums[i] * _inputSums[j] / _weight : 0);
                full[(i * inputs) + j] = value;
                full[(j * inputs) + i] = value;
            }
        }

        return full;
    }

    /// <summary>X'R. Centred: of X and R less their means.</summary>
    public double[] Cross(bool centred)
    {
        var cross = (double[])_cross.Clone();
        for (var i = 0; centred && i < inputs; i++)
        {
            for (var k = 0; k < outputs; k++) cross[(i * outputs) + k] -= _inputSums[i] * _outputSums[k] / _weight;
        }

        return cross;
    }

    /// <summary>What is left of the mean of R once X times <paramref name="map"/> is taken off: the change of a bias.</summary>
    public double[] Intercept(double[] map)
    {
        var intercept = new double[outputs];
        for (var k = 0; k < outputs; k++)
        {
            var sum = _outputSums[k];
            for (var i = 0; i < inputs; i++) sum -= _inputSums[i] * map[(i * outputs) + k];
            intercept[k] = sum / _weight;
        }

        return intercept;
    }

    private static void Transpose(ReadOnlySpan<float> rows, int columns, int count, ReadOnlySpan<double> scale, ref double[] transposed)
    {
        if (transposed.Length != columns * count) transposed = new double[columns * count];
        for (var t = 0; t < count; t++)
        {
            var factor = scale.IsEmpty ? 1 : scale[t];
            for (var c = 0; c < columns; c++) transposed[(c * count) + t] = factor * rows[(t * columns) + c];
        }
    }

    /// <summary>target[offset + j] += row i of <paramref name="left"/> times row j of <paramref name="right"/>, j below <paramref name="count"/>.</summary>
    private static void AddProducts(double[] left, int i, int length, double[] right, int count, double[] target, int offset)
    {
        var a = left.AsSpan(i * length, length);
        var j = 0;
        for (; j + 4 <= count; j += 4)
        {
            var b0 = right.AsSpan(j * length, length);
            var b1 = right.AsSpan((j + 1) * length, length);
            var b2 = right.AsSpan((j + 2) * length, length);
            var b3 = right.AsSpan((j + 3) * length, length);
            var (s0, s1, s2, s3) = (Vector<double>.Zero, Vector<double>.Zero, Vector<double>.Zero, Vector<double>.Zero);
            var t = 0;
            for (; t + Vector<double>.Count <= length; t += Vector<double>.Count)
            {
                var v = new Vector<double>(a[t..]);
                s0 += v * new Vector<double>(b0[t..]);
                s1 += v * new Vector<double>(b1[t..]);
                s2 += v * new Vector<double>(b2[t..]);
                s3 += v * new Vector<double>(b3[t..]);
            }

            var (r0, r1, r2, r3) = (Vector.Sum(s0), Vector.Sum(s1), Vector.Sum(s2), Vector.Sum(s3));
            for (; t < length; t++)
            {
                r0 += a[t] * b0[t];
                r1 += a[t] * b1[t];
                r2 += a[t] * b2[t];
                r3 += a[t] * b3[t];
            }

            target[offset + j] += r0;
            target[offset + j + 1] += r1;
            target[offset + j + 2] += r2;
            target[offset + j + 3] += r3;
        }

        for (; j < count; j++) target[offset + j] += System.Numerics.Tensors.TensorPrimitives.Dot<double>(a, right.AsSpan(j * length, length));
    }

    private static void AddSums(double[] transposed, int rows, ReadOnlySpan<double> scale, double[] sums)
    {
        for (var i = 0; i < sums.Length; i++)
        {
            ReadOnlySpan<double> column = transposed.AsSpan(i * rows, rows);
            sums[i] += scale.IsEmpty ? System.Numerics.Tensors.TensorPrimitives.Sum(column) : System.Numerics.Tensors.TensorPrimitives.Dot(column, scale);
        }
    }
}
