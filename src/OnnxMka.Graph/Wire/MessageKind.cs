namespace OnnxMka.Graph;

/// <summary>The messages of an ONNX file. Those up to <see cref="Tensor"/> can have a tensor's bytes below them.</summary>
internal enum MessageKind
{
    None,
    Model,
    Graph,
    Node,
    Attribute,
    Function,
    Training,
    Sparse,
    Tensor,
    Segment,
    ExternalEntry,
    Entry,
    Annotation,
    OpsetId,
    ValueInfo,
    Type,
    TensorType,
    WrappedType,
    Shape,
    Dimension,
}

internal static class MessageKinds
{
    /// <summary>Kind of the message in a length-delimited field; <see cref="MessageKind.None"/> where the field is no message.</summary>
    public static MessageKind Child(this MessageKind parent, int field) => (parent, field) switch
    {
        (MessageKind.Model, 7) => MessageKind.Graph,
        (MessageKind.Model, 8) => MessageKind.OpsetId,
        (MessageKind.Model, 14) => MessageKind.Entry,
        (MessageKind.Model, 20) => MessageKind.Training,
        (MessageKind.Model, 25) => MessageKind.Function,
        (MessageKind.Training, 1 or 2) => MessageKind.Graph,
        (MessageKind.Training, 3 or 4) => MessageKind.Entry,
        (MessageKind.Graph, 1) => MessageKind.Node,
        (MessageKind.Graph, 5) => MessageKind.Tensor,
        (MessageKind.Graph, 11 or 12 or 13) => MessageKind.ValueInfo,
        (MessageKind.Graph, 14) => MessageKind.Annotation,
        (MessageKind.Graph, 15) => MessageKind.Sparse,
        (MessageKind.Graph, 16) => MessageKind.Entry,
        (MessageKind.Node, 5) => MessageKind.Attribute,
        (MessageKind.Node, 9) => MessageKind.Entry,
        (MessageKind.Function, 7) => MessageKind.Node,
        (MessageKind.Function, 9) => MessageKind.OpsetId,
        (MessageKind.Function, 11) => MessageKind.Attribute,
        (MessageKind.Function, 12) => MessageKind.ValueInfo,
        (MessageKind.Function, 14) => MessageKind.Entry,
        (MessageKind.Attribute, 5 or 10) => MessageKind.Tensor,
        (MessageKind.Attribute, 6 or 11) => MessageKind.Graph,
        (MessageKind.Attribute, 14 or 15) => MessageKind.Type,
        (MessageKind.Attribute, 22 or 23) => MessageKind.Sparse,
        (MessageKind.Sparse, 1 or 2) => MessageKind.Tensor,
        (MessageKind.Tensor, 3) => MessageKind.Segment,
        (MessageKind.Tensor, 13) => MessageKind.ExternalEntry,
        (MessageKind.Tensor, 16) => MessageKind.Entry,
        (MessageKind.Annotation, 2) => MessageKind.Entry,
        (MessageKind.ValueInfo, 2) => MessageKind.Type,
        (MessageKind.ValueInfo, 4) => MessageKind.Entry,
        (MessageKind.Type, 1 or 8) => MessageKind.TensorType,
        (MessageKind.Type, 4 or 5 or 9) => MessageKind.WrappedType,
        (MessageKind.WrappedType, 1 or 2) => MessageKind.Type,
        (MessageKind.TensorType, 2) => MessageKind.Shape,
        (MessageKind.Shape, 1) => MessageKind.Dimension,
        _ => MessageKind.None,
    };

    public static bool MayHoldTensors(this MessageKind kind) => kind is > MessageKind.None and <= MessageKind.Tensor;

    /// <summary>True for a message of which its parent has at most one: a second one would be merged into the first.</summary>
    public static bool IsSingle(this MessageKind parent, int field) => (parent, field) is
        (MessageKind.Model, 7) or (MessageKind.Training or MessageKind.Sparse, 1 or 2) or (MessageKind.Attribute, 5 or 6 or 14 or 22)
        or (MessageKind.Tensor, 3) or (MessageKind.ValueInfo, 2) or (MessageKind.TensorType, 2);

    /// <summary>True for the strings by which nodes, values, tensors and files are found.</summary>
    public static bool IsName(this MessageKind kind, int field) => (kind, field) is
        (MessageKind.Node, 1 or 2 or 3 or 4 or 7 or 8) or (MessageKind.Attribute, 1 or 21) or (MessageKind.Tensor, 8)
        or (MessageKind.ValueInfo or MessageKind.OpsetId, 1) or (MessageKind.ExternalEntry, 1 or 2);

    /// <summary>True for numbers that are written packed, where one byte may be an element of eight.</summary>
    public static bool IsPackedNumbers(this MessageKind kind, int field) => (kind, field) is
        (MessageKind.Tensor, 1 or 4 or 5 or 7 or 10 or 11) or (MessageKind.Attribute, 7 or 8);
}

/// <summary>Numbers of the fields in <c>onnx.proto</c> that hold tensor bytes.</summary>
internal static class TensorField
{
    public const int FloatData = 4;
    public const int Int32Data = 5;
    public const int StringData = 6;
    public const int Int64Data = 7;
    public const int RawData = 9;
    public const int DoubleData = 10;
    public const int UInt64Data = 11;

    /// <summary>Ours: marks a tensor of the skeleton whose bytes stand in the payload table.</summary>
    public const int Payload = 536870911;
}
