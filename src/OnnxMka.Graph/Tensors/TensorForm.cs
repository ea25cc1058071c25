using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph;

/// <summary>The ways a tensor message can hold its elements; it must use exactly one, and one that fits its type.</summary>
internal static class TensorForm
{
    /// <summary>What numpy can hold; weights have at most four.</summary>
    private const int MostDimensions = 64;

    /// <summary>Refuses data in several forms, and numbers in a field that its element type does not use.</summary>
    public static void Check(TensorProto tensor, TensorContent? payload)
    {
        if (tensor.Dims.Count > MostDimensions)
            throw Bad(tensor, $"it has {tensor.Dims.Count} dimensions", "The file is damaged; export it again");
        if (tensor.Segment is not null)
            throw Bad(tensor, "it is stored in segments", "Export the model again: no current exporter writes segments");
        var outside = tensor.DataLocation == TensorProto.Types.DataLocation.External;
        var inside = Inside(tensor, payload).ToArray();
        if (outside && inside.Length > 0)
            throw Bad(tensor, "it has data inside the model and outside", "Export the model again");
        if (inside.Length > 1)
            throw Bad(tensor, "it has its data in several forms", "Export the model again");
        var type = (ElementType)tensor.DataType;
        if (type == ElementType.String && (outside || inside.Any(f => f != TensorField.StringData)))
            throw Bad(tensor, "its strings are stored as bytes", "The file is damaged; export it again");
        if (type == ElementType.String && tensor.StringData.Count != TensorRef.CountElements(tensor.Dims))
        {
            throw Bad(
                tensor,
                $"it has {tensor.StringData.Count} strings and the shape [{string.Join(',', tensor.Dims)}]",
                "The file is damaged; export it again");
        }

        if (inside.Any(f => !Fits(f, type)))
            throw Bad(tensor, $"its {type} elements are stored in a field of another type", "The file is damaged; export it again");
    }

    private static IEnumerable<int> Inside(TensorProto tensor, TensorContent? payload)
    {
        if (payload is FileRange range) yield return range.Field;
        if (payload is PackedVarints packed) yield return packed.Field;
        if (tensor.RawData.Length > 0) yield return TensorField.RawData;
        if (tensor.FloatData.Count > 0) yield return TensorField.FloatData;
        if (tensor.DoubleData.Count > 0) yield return TensorField.DoubleData;
        if (tensor.Int32Data.Count > 0) yield return TensorField.Int32Data;
        if (tensor.Int64Data.Count > 0) yield return TensorField.Int64Data;
        if (tensor.Uint64Data.Count > 0) yield return TensorField.UInt64Data;
        if (tensor.StringData.Count > 0) yield return TensorField.StringData;
    }

    private static bool Fits(int field, ElementType type) => field switch
    {
        TensorField.FloatData => type is ElementType.Float or ElementType.Complex64,
        TensorField.DoubleData => type is ElementType.Double or ElementType.Complex128,
        TensorField.Int64Data => type is ElementType.Int64,
        TensorField.UInt64Data => type is ElementType.UInt32 or ElementType.UInt64,
        TensorField.Int32Data => type.Bits() is > 0 and <= 16 || type is ElementType.Int32,
        TensorField.StringData => type is ElementType.String,
        _ => true,
    };

    private static RefusedException Bad(TensorProto tensor, string what, string next) =>
        new("MKA006", tensor.Name.Length > 0 ? tensor.Name : "an unnamed tensor", what, next);
}
