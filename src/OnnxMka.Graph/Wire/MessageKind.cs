namespace OnnxMka.Graph.Wire;

/// <summary>The ONNX messages on the way from the model to a tensor; all others are copied as they stand.</summary>
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
}

internal static class MessageKinds
{
    /// <summary>Kind of the message in a length-delimited field; <see cref="MessageKind.None"/> where no tensor can be below it.</summary>
    public static MessageKind Child(this MessageKind parent, int field) => (parent, field) switch
    {
        (MessageKind.Model, 7) => MessageKind.Graph,
        (MessageKind.Model, 20) => MessageKind.Training,
        (MessageKind.Model, 25) => MessageKind.Function,
        (MessageKind.Training, 1 or 2) => MessageKind.Graph,
        (MessageKind.Graph, 1) => MessageKind.Node,
        (MessageKind.Graph, 5) => MessageKind.Tensor,
        (MessageKind.Graph, 15) => MessageKind.Sparse,
        (MessageKind.Node, 5) => MessageKind.Attribute,
        (MessageKind.Function, 7) => MessageKind.Node,
        (MessageKind.Function, 11) => MessageKind.Attribute,
        (MessageKind.Attribute, 5 or 10) => MessageKind.Tensor,
        (MessageKind.Attribute, 6 or 11) => MessageKind.Graph,
        (MessageKind.Attribute, 22 or 23) => MessageKind.Sparse,
        (MessageKind.Sparse, 1 or 2) => MessageKind.Tensor,
        _ => MessageKind.None,
    };
}

/// <summary>Numbers of the fields in <c>onnx.proto</c> that hold tensor bytes.</summary>
internal static class TensorField
{
    public const int FloatData = 4;
    public const int Int32Data = 5;
    public const int Int64Data = 7;
    public const int RawData = 9;
    public const int DoubleData = 10;
    public const int UInt64Data = 11;

    /// <summary>Ours: marks a tensor of the skeleton whose bytes stand in the payload table.</summary>
    public const int Payload = 536870911;
}
