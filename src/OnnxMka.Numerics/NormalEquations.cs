using System.Runtime.Intrinsics;

namespace OnnxMka.Numerics;

/// <summary>
/// Sums of a least-squares problem <c>min |X D - R|</c>, in float64: <c>X'X</c> (its lower half; what tiles leave above it is not read),
/// <c>R'X</c> and the column sums. Rows are added sample by sample and every sum belongs to one thread, so that neither threads nor batches
/// change a bit.
/// </summary>
/// <param name="inputs">Columns of X.</param>
/// <param name="outputs">Columns of R.</param>
internal sealed class NormalEquations(int inputs, int outputs)
{
    private const int Slice = 256; // rows at once: a panel of them is 16 KB, and stays in the first-level cache
    private const int Block = 4; // panels of X that share what is read of the other side

    private double[]? _gram = new double[checked(inputs * inputs)];
    private double[]? _cross = new double[checked(outputs * inputs)];
    private readonly double[] _inputSums = new double[inputs];
    private readonly double[] _outputSums = new double[outputs];
    private double[] _x = [];
    private double[] _r = [];
    private double _weight;

    public int Inputs => inputs;

    public int Outputs => outputs;

    /// <summary>Bytes that are held at once to solve them: X'X, R'X and a solution.</summary>
    public static long Bytes(long inputs, long outputs) => sizeof(double) * inputs * (inputs + (2 * outputs));

    /// <summary>Adds the rows of one sample.</summary>
    /// <param name="x">[rows, inputs]</param>
    /// <param name="r">[rows, outputs]</param>
    /// <param name="scale">[rows]: both sides of a row's equation are multiplied by it, an intercept's too; empty for 1.</param>
    public void Add(ReadOnlySpan<float> x, ReadOnlySpan<float> r, ReadOnlySpan<double> scale = default)
    {
        if (_gram is null || _cross is null) throw new InvalidOperationException("the sums were taken");
        var (gram, cross) = (_gram, _cross);
        var rows = x.Length / inputs;
        _weight += scale.IsEmpty ? rows : System.Numerics.Tensors.TensorPrimitives.SumOfSquares(scale);
        for (var first = 0; first < rows; first += Slice)
        {
            var count = Math.Min(Slice, rows - first);
            var factors = scale.IsEmpty ? scale : scale.Slice(first, count);
            Pack(x.Slice(first * inputs, count * inputs), inputs, count, factors, _inputSums, ref _x);
            Pack(r.Slice(first * outputs, count * outputs), outputs, count, factors, _outputSums, ref _r);
            var last = Blocks(inputs) - 1; // the longest, and the first to be worked on
            Parallel.For(0, last + 1, block => AddProducts(last - block, count, _x, inputs, gram, lower: true));
            Parallel.For(0, Blocks(outputs), block => AddProducts(block, count, _r, outputs, cross, lower: false));
        }
    }

    /// <summary>X'X in full. Centred: of X less its mean. In the memory of the sums: taken once, and nothing is added after.</summary>
    public double[] TakeGram(bool centred)
    {
        var gram = Taken(ref _gram);
        for (var i = 0; centred && i < inputs; i++)
        {
            for (var j = 0; j <= i; j++) gram[(i * inputs) + j] -= _inputSums[i] * _inputSums[j] / _weight;
        }

        Dense.MirrorLower(gram, inputs);
        return gram;
    }

    /// <summary>R'X [outputs, inputs]. Centred: of R and X less their means. In the memory of the sums, like X'X.</summary>
    public double[] TakeCross(bool centred)
    {
        var cross = Taken(ref _cross);
        for (var k = 0; centred && k < outputs; k++)
        {
            for (var i = 0; i < inputs; i++) cross[(k * inputs) + i] -= _inputSums[i] * _outputSums[k] / _weight;
        }

        return cross;
    }

    /// <summary>What is left of the mean of R once X times a map is taken off: the change of a bias.</summary>
    /// <param name="map">[outputs, inputs]</param>
    public double[] Intercept(double[] map)
    {
        var intercept = new double[outputs];
        for (var k = 0; k < outputs; k++)
        {
            var sum = _outputSums[k];
            for (var i = 0; i < inputs; i++) sum -= _inputSums[i] * map[(k * inputs) + i];
            intercept[k] = sum / _weight;
        }

        return intercept;
    }

    private static double[] Taken(ref double[]? sums)
    {
        var taken = sums ?? throw new InvalidOperationException("the sums were taken before");
        sums = null;
        return taken;
    }

    /// <summary>Panels of eight columns, an even number: a tile of products takes two.</summary>
    private static int Panels(int columns) => (columns + (2 * ProductTile.Width) - 1) / (2 * ProductTile.Width) * 2;

    private static int Blocks(int columns) => (Panels(columns) + Block - 1) / Block;

    /// <summary>
    /// [rows, columns] to panels [rows, 8], each row times its factor; columns beyond the last stay zero. The sums take the factor once
    /// more.
    /// </summary>
    private static void Pack(
        ReadOnlySpan<float> values, int columns, int rows, ReadOnlySpan<double> scale, double[] sums, ref double[] packed)
    {
        var length = Panels(columns) * ProductTile.Width * rows;
        if (packed.Length != length) packed = new double[length];
        for (var t = 0; t < rows; t++)
        {
            var factor = scale.IsEmpty ? 1 : scale[t];
            var row = values.Slice(t * columns, columns);
            var c = 0;
            for (; c <= columns - ProductTile.Width; c += ProductTile.Width)
            {
                var narrow = Vector256.Create(row[c..]);
                var scaled = Vector512.Create(Vector256.WidenLower(narrow), Vector256.WidenUpper(narrow)) * factor;
                scaled.CopyTo(packed, (c * rows) + (t * ProductTile.Width));
                (Vector512.Create<double>(sums.AsSpan(c)) + (scaled * factor)).CopyTo(sums, c);
            }

            for (var at = (c * rows) + (t * ProductTile.Width); c < columns; c++, at++)
            {
                packed[at] = factor * row[c];
                sums[c] += factor * packed[at];
            }
        }
    }

    /// <summary>target [columns, inputs] += L'X for one block of panels of L; of X'X only tiles that reach its lower half.</summary>
    private unsafe void AddProducts(int block, int rows, double[] left, int columns, double[] target, bool lower)
    {
        const int Width = ProductTile.Width;
        var tile = stackalloc double[2 * Width * Width];
        fixed (double* l = left)
        fixed (double* x = _x)
        {
            var end = Math.Min(Panels(columns), (block + 1) * Block);
            for (var q = 0; q < Panels(inputs); q += 2)
            {
                for (var p = block * Block; p < end; p++)
                {
                    if (lower && q > p) continue;
                    new Span<double>(tile, 2 * Width * Width).Clear();
                    ProductTile.Add(l + ((long)p * Width * rows), x + ((long)q * Width * rows), rows, tile, 2 * Width);
                    var count = Math.Min(2 * Width, inputs - (q * Width));
                    for (var i = p * Width; i < Math.Min(columns, (p + 1) * Width); i++)
                    {
                        var sums = target.AsSpan((i * inputs) + (q * Width), count);
                        var products = new ReadOnlySpan<double>(tile + ((i - (p * Width)) * 2 * Width), count);
                        System.Numerics.Tensors.TensorPrimitives.Add(sums, products, sums);
                    }
                }
            }
        }
    }
}
