using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace OnnxMka.Numerics;

/// <summary>The two shapes of panels.</summary>
internal static class Panels
{
    /// <summary>Terms of a vector at once: a left panel is at most 16 KB and stays in the first-level cache.</summary>
    public const int Depth = 256;

    /// <summary>Rows of a product.</summary>
    public static Panels<T> Left<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => new(Tile.Rows);

    /// <summary>Columns of a product.</summary>
    public static Panels<T> Right<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => new(Tile.Columns<T>());
}

/// <summary>
/// Vectors side by side, as the kernel of products reads them: panels of <see cref="Tile.Rows"/> or <see cref="Tile.Columns"/> vectors,
/// each panel [depth, width]. What is missing in the last panel is zero. The memory starts on a line of the cache and is taken again each
/// time.
/// </summary>
/// <param name="width">Vectors of a panel.</param>
internal sealed unsafe class Panels<T>(int width)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private const int Line = 64;
    private const int Some = 8; // panels for one thread

    private T[] _memory = [];

    /// <summary>Vectors that are held.</summary>
    public int Count { get; private set; }

    /// <summary>Terms of each.</summary>
    public int Terms { get; private set; }

    /// <summary>How many panels they fill.</summary>
    public int Length => (Count + width - 1) / width;

    /// <summary>Panel <paramref name="index"/>, [<see cref="Terms"/>, width]. The memory stays where it is.</summary>
    public T* this[int index] => Start + ((nint)index * width * Terms);

    private T* Start
    {
        get
        {
            var first = (nuint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory)); // pinned
            return (T*)((first + Line - 1) & ~(nuint)(Line - 1));
        }
    }

    /// <summary>Rows of a matrix as vectors, their terms along its columns. Of the other type: rounded to this one.</summary>
    public void TakeRows<TFrom>(TFrom[] matrix, int pitch, int firstRow, int rows, int firstColumn, int columns)
        where TFrom : unmanaged, IBinaryFloatingPointIeee754<TFrom>
    {
        Resize(rows, columns);
        RowBlocks.For(Length, Some, 0, (start, stop) =>
        {
            for (var vector = start * width; vector < stop * width; vector++)
            {
                var to = this[vector / width] + (vector % width);
                if (vector >= rows)
                {
                    for (var k = 0; k < columns; k++, to += width) *to = T.Zero;
                    continue;
                }

                foreach (var value in matrix.AsSpan(((firstRow + vector) * pitch) + firstColumn, columns))
                {
                    *to = T.CreateTruncating(value);
                    to += width;
                }
            }
        });
    }

    /// <summary>Columns of a matrix as vectors, their terms along its rows. Of the other type: rounded to this one.</summary>
    public void TakeColumns<TFrom>(TFrom[] matrix, int pitch, int firstRow, int rows, int firstColumn, int columns)
        where TFrom : unmanaged, IBinaryFloatingPointIeee754<TFrom>
    {
        Resize(columns, rows);
        RowBlocks.For(Length, Some, 0, (start, stop) =>
        {
            for (var panel = start; panel < stop; panel++)
            {
                var count = Math.Min(width, columns - (panel * width));
                var to = this[panel];
                for (var k = 0; k < rows; k++, to += width)
                {
                    var from = ((firstRow + k) * pitch) + firstColumn + (panel * width);
                    TensorPrimitives.ConvertTruncating<TFrom, T>(matrix.AsSpan(from, count), new Span<T>(to, width));
                    new Span<T>(to + count, width - count).Clear();
                }
            }
        });
    }

    /// <summary>Makes room; what it holds is not known after.</summary>
    private void Resize(int count, int terms)
    {
        (Count, Terms) = (count, terms);
        var length = checked((Length * width * terms) + (Line / sizeof(T)));
        if (_memory.Length < length) _memory = GC.AllocateUninitializedArray<T>(length, pinned: true);
    }
}
