namespace OnnxMka.Graph;

/// <summary>
/// What the structure of an untrusted file would take in memory, counted before any of it is allocated: two bytes of a file can
/// ask for an object of four hundred. Generous: 100,000 nodes with their attributes, tensors and value types take half of it.
/// </summary>
internal sealed class StructureBudget
{
    private const long Limit = 400L << 20;

    /// <summary>A byte lies in the skeleton, whose buffer doubles as it grows, and again in the parsed model, as UTF-16 in names.</summary>
    private const int PerByte = 4;

    private const int PerPackedByte = 32;
    private const int PerNumber = 32;
    private const int PerString = 64;
    private const int PerUnknownField = 320;

    private long _used;

    public bool IsSpent => _used > Limit;

    public void AddMessage(MessageKind kind) => _used += kind switch
    {
        MessageKind.Model or MessageKind.Graph or MessageKind.Function or MessageKind.Training => 2800,
        MessageKind.Node => 760,
        MessageKind.Attribute => 650,
        MessageKind.Tensor => 750,
        _ => 160,
    };

    public void AddNumber(MessageKind kind, int field) => _used += IsKnown(kind, field) ? PerNumber : PerUnknownField;

    public void AddBytes(MessageKind kind, int field, long length)
    {
        var perByte = kind.IsPackedNumbers(field) ? PerPackedByte : PerByte;
        _used += (IsKnown(kind, field) ? PerString : PerUnknownField) + (length > Limit ? Limit : length * perByte);
    }

    /// <summary>Fields that <c>onnx.proto</c> names; others are kept one by one in a table of unknown fields.</summary>
    private static bool IsKnown(MessageKind kind, int field) => field < 32 && (KnownFields(kind) >> field & 1) != 0;

    private static uint KnownFields(MessageKind kind) => kind switch
    {
        MessageKind.Model => Fields(1, 2, 3, 4, 5, 6),
        MessageKind.Graph => Fields(2, 10),
        MessageKind.Node => Fields(1, 2, 3, 4, 6, 7, 8),
        MessageKind.Attribute => Fields(1, 2, 3, 4, 7, 8, 9, 13, 20, 21),
        MessageKind.Function => Fields(1, 4, 5, 6, 8, 10, 13),
        MessageKind.Sparse => Fields(3),
        MessageKind.Tensor => Fields(1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14),
        MessageKind.Segment or MessageKind.Entry or MessageKind.ExternalEntry or MessageKind.OpsetId => Fields(1, 2),
        MessageKind.Annotation or MessageKind.TensorType or MessageKind.WrappedType => Fields(1),
        MessageKind.ValueInfo => Fields(1, 3),
        MessageKind.Type => Fields(6),
        MessageKind.Dimension => Fields(1, 2, 3),
        _ => 0,
    };

    private static uint Fields(params ReadOnlySpan<int> numbers)
    {
        var mask = 0u;
        foreach (var number in numbers) mask |= 1u << number;
        return mask;
    }
}
