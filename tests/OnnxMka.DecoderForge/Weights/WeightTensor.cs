using System.Collections.Immutable;

namespace OnnxMka.Forge;

/// <summary>A float tensor, row-major. The values are shared, never changed.</summary>
public sealed record WeightTensor(ImmutableArray<int> Shape, ReadOnlyMemory<float> Values)
{
    public static WeightTensor Of(float[] values, params ReadOnlySpan<int> shape) => new([.. shape], values);

    public ReadOnlySpan<float> Span => Values.Span;

    public int Count => Values.Length;

    /// <summary>A matrix [rows, columns] as [columns, rows].</summary>
    public WeightTensor Transposed()
    {
        var (rows, columns) = (Shape[0], Shape[1]);
        var values = new float[Count];
        for (var r = 0; r < rows; r++)
        {
            for (var c = 0; c < columns; c++) values[c * rows + r] = Span[r * columns + c];
        }

        return Of(values, columns, rows);
    }

    /// <summary>Matrices side by side: [rows, c1 + c2 + ...]; vectors end to end.</summary>
    public static WeightTensor Beside(params IReadOnlyList<WeightTensor> parts)
    {
        if (parts[0].Shape.Length == 1) return Of([.. parts.SelectMany(p => p.Values.ToArray())], parts.Sum(p => p.Count));
        var rows = parts[0].Shape[0];
        var columns = parts.Sum(p => p.Shape[1]);
        var values = new float[rows * columns];
        for (var r = 0; r < rows; r++)
        {
            var at = r * columns;
            foreach (var part in parts)
            {
                part.Span.Slice(r * part.Shape[1], part.Shape[1]).CopyTo(values.AsSpan(at));
                at += part.Shape[1];
            }
        }

        return Of(values, rows, columns);
    }

    /// <summary>Element i along the first dimension.</summary>
    public WeightTensor Slice(int index)
    {
        var size = Count / Shape[0];
        return new WeightTensor(Shape[1..], Values.Slice(index * size, size));
    }

    public WeightTensor Map(Func<float, float> change)
    {
        var values = Values.ToArray();
        for (var i = 0; i < values.Length; i++) values[i] = change(values[i]);
        return this with { Values = values };
    }

    /// <summary>The weighted sum, in double, rounded once.</summary>
    public static WeightTensor Sum(IReadOnlyList<(WeightTensor Tensor, double Weight)> parts, Func<double, float> round)
    {
        var values = new float[parts[0].Tensor.Count];
        for (var i = 0; i < values.Length; i++)
        {
            double sum = 0;
            foreach (var (tensor, weight) in parts) sum += weight * tensor.Span[i];
            values[i] = round(sum);
        }

        return parts[0].Tensor with { Values = values };
    }

    public bool Same(WeightTensor other) => Shape.SequenceEqual(other.Shape) && Span.SequenceEqual(other.Span);
}
