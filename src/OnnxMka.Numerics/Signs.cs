namespace OnnxMka.Numerics;

/// <summary>
/// A random start [n, width] for products, of two entries a row: a sign in one column and half a sign in another, spread evenly. A product
/// with it is two additions an entry. Its columns are independent: each half's are orthogonal, of squared norms between floor(n / width)
/// and one more, so the second is at most 0.71 of the first. The same each time.
/// </summary>
internal sealed class Signs
{
    private const int Seed = 20_161;

    private readonly (int Column, float Sign)[] _whole;
    private readonly (int Column, float Sign)[] _half;

    /// <param name="width">1..n</param>
    public Signs(int n, int width)
    {
        Width = width;
        var random = new Random(Seed);
        (_whole, _half) = (Half(1), Half(0.5f));

        (int, float)[] Half(float size)
        {
            var columns = Enumerable.Range(0, n).Select(i => i % width).ToArray();
            random.Shuffle(columns);
            return [.. columns.Select(column => (column, random.Next(2) == 0 ? size : -size))];
        }
    }

    public int Width { get; }

    /// <summary>The start itself.</summary>
    public float[] Columns()
    {
        var start = new float[checked(_whole.Length * Width)];
        for (var i = 0; i < _whole.Length; i++)
        {
            start[(i * Width) + _whole[i].Column] += _whole[i].Sign;
            start[(i * Width) + _half[i].Column] += _half[i].Sign;
        }

        return start;
    }

    /// <summary>A matrix [rows, n] times the start.</summary>
    public float[] Times(float[] matrix, int rows)
    {
        const int Some = 16;
        var n = _whole.Length;
        var product = new float[checked(rows * Width)];
        RowBlocks.For(rows, Some, 0, (first, end) =>
        {
            for (var i = first; i < end; i++)
            {
                var from = matrix.AsSpan(i * n, n);
                var to = product.AsSpan(i * Width, Width);
                for (var k = 0; k < n; k++)
                {
                    to[_whole[k].Column] += _whole[k].Sign * from[k];
                    to[_half[k].Column] += _half[k].Sign * from[k];
                }
            }
        });
        return product;
    }
}
