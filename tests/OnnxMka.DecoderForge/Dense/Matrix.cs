using Google.Protobuf;
using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>A stored tensor of floats as its reader gets it.</summary>
internal sealed record Matrix(ElementType Type, long[] Shape, double[] Values)
{
    public bool SameAs(Matrix other) => Shape.SequenceEqual(other.Shape) && Values.AsSpan().SequenceEqual(other.Values);

    public Matrix Turned()
    {
        var (rows, columns) = ((int)Shape[0], (int)Shape[1]);
        var values = new double[Values.Length];
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++) values[(j * rows) + i] = Values[(i * columns) + j];
        }

        return new Matrix(Type, [columns, rows], values);
    }

    public Matrix Halved() => this with { Values = [.. Values.Select(v => v / 2)] };

    /// <summary>Zeros where neurons were, in each section of <paramref name="neurons"/>.</summary>
    public Matrix Padded(Matrix was, int neurons, bool interleaved)
    {
        if (Shape.SequenceEqual(was.Shape)) return this;
        var axis = Enumerable.Range(0, Shape.Length).Single(i => Shape[i] != was.Shape[i]);
        var sections = interleaved ? 1 : (int)(was.Shape[axis] / neurons);
        var (full, kept) = ((int)was.Shape[axis] / sections, (int)Shape[axis] / sections);
        var inner = (int)Shape.Skip(axis + 1).Aggregate(1L, (a, b) => a * b);
        var values = new double[was.Values.Length];
        for (var at = 0; at < Values.Length; at++)
        {
            var (outer, place, rest) = (at / (inner * (int)Shape[axis]), at / inner % (int)Shape[axis], at % inner);
            var to = (place / kept * full) + (place % kept);
            values[(((outer * (int)was.Shape[axis]) + to) * inner) + rest] = Values[at];
        }

        return new Matrix(Type, was.Shape, values);
    }

    public TensorProto Tensor(string name)
    {
        var bytes = new byte[Values.Length * (Type == ElementType.Float ? 4 : 2)];
        FloatCodec.Encode(Type, Values, bytes);
        var tensor = new TensorProto { Name = name, DataType = (int)Type, RawData = ByteString.CopyFrom(bytes) };
        tensor.Dims.Add(Shape);
        return tensor;
    }
}
