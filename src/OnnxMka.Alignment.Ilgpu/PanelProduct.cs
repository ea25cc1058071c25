using ILGPU;

// Y = K Q for eight vectors side by side, Q [N, 8], K [N, N] symmetric: each thread sums one row of Y over one chunk of 256
// rows of Q, then the chunks are added in order. The chunks depend on N alone, so the bits do not depend on the device's size.


namespace OnnxMka.Alignment.Ilgpu;

internal static class PanelProduct
{
    public const int Width = 8;
    private const int ChunkRows = 256;

    public static int Chunks(int n) => (n + ChunkRows - 1) / ChunkRows;

    /// <summary>partial[chunk, i, :] = sum over j in the chunk of K[j,i] Q[j, :]. Place: (i, chunk).</summary>
    public static void Partial(Index2D place, ArrayView<double> matrix, int n, ArrayView<double> panel, ArrayView<double> partial)
    {
        int i = place.X, first = place.Y * ChunkRows, end = IntrinsicMath.Min(n, first + ChunkRows);
        double s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0;
        for (var j = first; j < end; j++)
        {
            var a = matrix[((long)j * n) + i];
            var q = j * Width;
            s0 += a * panel[q];
            s1 += a * panel[q + 1];
            s2 += a * panel[q + 2];
            s3 += a * panel[q + 3];
            s4 += a * panel[q + 4];
            s5 += a * panel[q + 5];
            s6 += a * panel[q + 6];
            s7 += a * panel[q + 7];
        }

        var y = (((long)place.Y * n) + i) * Width;
        partial[y] = s0;
        partial[y + 1] = s1;
        partial[y + 2] = s2;
        partial[y + 3] = s3;
        partial[y + 4] = s4;
        partial[y + 5] = s5;
        partial[y + 6] = s6;
        partial[y + 7] = s7;
    }

    /// <summary>product[place] = sum over chunks of partial[chunk, place]. Place: one of the N x 8 entries.</summary>
    public static void Join(Index1D place, ArrayView<double> partial, int length, int chunks, ArrayView<double> product)
    {
        double sum = 0;
        for (var chunk = 0; chunk < chunks; chunk++)
            sum += partial[((long)chunk * length) + place];
        product[place] = sum;
    }
}
