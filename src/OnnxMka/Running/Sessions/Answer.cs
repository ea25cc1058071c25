namespace OnnxMka.Running.Sessions;

/// <summary>Logits of one run.</summary>
/// <param name="Rows">One for each token of each sequence, or for the last token of each.</param>
internal readonly record struct Answer(float[] Values, int Rows, int Width)
{
    public static Answer Of(float[] values, long[] shape, int batch, int length) =>
        new(values, RowsOf(shape, batch, length), (int)shape[^1]);

    /// <summary>
    /// Rows that an output of that shape has. Refuses one that has neither a row for each token nor one for each sequence.
    /// </summary>
    public static int RowsOf(long[] shape, int batch, int length)
    {
        var rows = shape.Length > 1 && shape[^1] > 0 ? shape[..^1].Aggregate(1L, (a, b) => a * b) : 0;
        return rows > 0 && (rows == batch * length || rows == batch)
            ? (int)rows
            : throw new RefusedException(
                "MKA028",
                "the logits",
                $"of {batch} sequences of {length} tokens they have the shape [{string.Join(", ", shape)}]: "
                + "neither a row for each token nor one for each sequence",
                RuntimeSession.WithoutRun);
    }

    /// <summary>The rows of the first tokens of each sequence.</summary>
    public Answer Beginning(int batch, int length)
    {
        var (values, each) = (new float[batch * length * Width], Rows / batch * Width);
        for (var row = 0; row < batch; row++) Values.AsSpan(row * each, length * Width).CopyTo(values.AsSpan(row * length * Width));
        return new Answer(values, batch * length, Width);
    }
}
