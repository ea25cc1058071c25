using Microsoft.ML.OnnxRuntime;
using OnnxMka.Graph;

namespace OnnxMka.Running.Sessions;

/// <summary>
/// A mask as a graph wants it: a row for each sequence, <c>[batch, columns]</c>, or a row for each new token, <c>[batch, 1, tokens,
/// columns]</c>, in which a token sees itself and those before it.
/// </summary>
/// <param name="cacheSizes">Static sizes of the cache ports: a mask of one of them counts places of the cache.</param>
internal sealed class MaskPort(ValueInfo port, MaskMeaning meaning, ValueInfo tokens, IReadOnlySet<int> cacheSizes)
{
    /// <summary>No padding: all tokens of all sequences are real.</summary>
    public OrtValue Feed(int batch, int length, int past)
    {
        var shape = Shape(batch, length, past + length);
        var (columns, rows) = ((int)shape[^1], shape.Length == 2 && !IsSquare ? 1 : (int)shape[^2]);
        // In a cache of fixed size that new tokens are put behind, the newest stand last; else they stand where they were written.
        var first = columns == past + length || cacheSizes.Contains(columns) ? 0 : columns - past - length;
        var (seen, hidden) = Values;
        var values = new double[shape.Aggregate(1L, (a, b) => a * b)];
        for (var i = 0; i < values.Length; i++)
        {
            // A single row speaks for all new tokens: the graph itself keeps them from looking ahead.
            var last = rows == 1 ? past + length - 1 : past + (i / columns % rows);
            var token = (i % columns) - first;
            values[i] = token >= 0 && token <= last ? seen : hidden;
        }

        return TensorValues.Of(port.Type, values, shape);
    }

    /// <summary><c>[tokens, columns]</c>, of graphs that read one sequence.</summary>
    private bool IsSquare =>
        port.Dimensions is [var rows, _] && tokens.Dimensions is { Count: > 0 } read
        && rows == read[^1] && (read.Count == 1 || rows != read[0]);

    private (double Seen, double Hidden) Values => meaning switch
    {
        MaskMeaning.Seen => (1, 0),
        MaskMeaning.Hidden => (0, 1),
        _ => (0, port.Type == ElementType.Float16 ? -65504 : float.MinValue),
    };

    private long[] Shape(int batch, int length, int total)
    {
        var dims = port.Dimensions ?? ["batch", "total"];
        var rows = dims.Count > 2 || IsSquare ? dims.Count - 2 : -1;
        return [.. dims.Select((dim, axis) => long.TryParse(dim, out var size) && size > 0 ? size : Size(axis))];

        long Size(int axis) => axis == dims.Count - 1 ? total : axis == rows ? length : axis == 0 ? batch : 1;
    }
}
