using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace OnnxMka.Numerics;

/// <summary>
/// Vectors side by side, as the kernel of products reads them: panels of <see cref="Tile.Rows"/> or <see cref="Tile.Columns"/> vectors,
/// each panel [depth, width]. What is missing in the last panel is zero. The memory starts on a line of the cache and is taken again each
/// time.
/// </summary>
/// <param name="width">Vectors of a panel.</param>
internal sealed unsafe class Panels(int width)
{
    /// <summary>Terms of a vector at once: a left panel is 16 KB and stays in the first-level cache.</summary>
    public const int Depth = 256;

    private const int Line = 64;
    private const int Some = 8; // panels for one thread

    private double[] _memory = [];

    /// <summary>Vectors that are held.</summary>
    public int Count { get; private set; }

    /// <summary>Terms of each that are known.</summary>
    public int Terms { get; private set; }

    /// <summary>Terms of each that there is room for.</summary>
    public int Room { get; private set; }

    /// <summary>How many panels they fill.</summary>
    public int Length => (Count + width - 1) / width;

    public int Width => width;

    /// <summary>Panel <paramref name="index"/>, [<see cref="Room"/>, width]. The memory stays where it is.</summary>
    public double* this[int index] => Start + ((nint)index * width * Room);

    private double* Start
    {
        get
        {
            var first = (nuint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory)); // pinned
            return (double*)((first + Line - 1) & ~(nuint)(Line - 1));
        }
    }

    /// <summary>Makes room for vectors of which no term is known yet.</summary>
    public void Resize(int count, int room)
    {
        (Count, Room, Terms) = (count, room, 0);
        var length = checked((Length * width * room) + (Line / sizeof(double)));
        if (_memory.Length < length) _memory = GC.AllocateUninitializedArray<double>(length, pinned: true);
    }

    /// <summary>Forgets all terms, and keeps the room.</summary>
    public void Clear() => Terms = 0;

    /// <summary>Rows of a matrix as vectors, their terms along its columns.</summary>
    public void TakeRows(double[] matrix, int pitch, int firstRow, int rows, int firstColumn, int columns)
    {
        Resize(rows, columns);
        Terms = columns;
        RowBlocks.For(Length, Some, 0, (start, stop) =>
        {
            for (var vector = start * width; vector < stop * width; vector++)
            {
                var to = this[vector / width] + (vector % width);
                if (vector >= rows)
                {
                    for (var k = 0; k < columns; k++, to += width) *to = 0;
                    continue;
                }

                foreach (var value in matrix.AsSpan(((firstRow + vector) * pitch) + firstColumn, columns))
                {
                    *to = value;
                    to += width;
                }
            }
        });
    }

    /// <summary>Columns of a matrix as vectors, their terms along its rows.</summary>
    public void TakeColumns(double[] matrix, int pitch, int firstRow, int rows, int firstColumn, int columns)
    {
        Resize(columns, rows);
        Append(matrix, pitch, firstRow, rows, firstColumn);
    }

    /// <summary>Further terms of all vectors: rows of a matrix whose columns they are.</summary>
    public void Append(double[] matrix, int pitch, int firstRow, int rows, int firstColumn)
    {
        var known = Terms;
        if (known + rows > Room) throw new ArgumentOutOfRangeException(nameof(rows), $"{known} + {rows} terms of {Room}");
        RowBlocks.For(Length, Some, 0, (start, stop) =>
        {
            for (var panel = start; panel < stop; panel++)
            {
                var count = Math.Min(width, Count - (panel * width));
                var to = this[panel] + (known * width);
                for (var k = 0; k < rows; k++, to += width)
                {
                    var from = ((firstRow + k) * pitch) + firstColumn + (panel * width);
                    matrix.AsSpan(from, count).CopyTo(new Span<double>(to, width));
                    new Span<double>(to + count, width - count).Clear();
                }
            }
        });
        Terms = known + rows;
    }
}
