namespace OnnxMka.Graph;

/// <summary>
/// The scanner backwards: walks a serialised skeleton and puts each payload mark's bytes back in its place, as pieces to be
/// streamed. Lengths of the enclosing messages are rewritten; all other bytes are slices of the skeleton.
/// </summary>
internal static class ModelSplicer
{
    /// <summary>Pieces of the whole file, in order.</summary>
    public static List<OutputPiece> Splice(ReadOnlyMemory<byte> skeleton, IReadOnlyList<TensorContent> payloads)
    {
        var pieces = new List<OutputPiece>();
        SpliceMessage(MessageKind.Model, skeleton, payloads, pieces);
        return pieces;
    }

    private static long SpliceMessage(
        MessageKind kind, ReadOnlyMemory<byte> message, IReadOnlyList<TensorContent> payloads, List<OutputPiece> pieces)
    {
        var bytes = message.Span;
        long total = 0;
        var literalStart = 0;
        var position = 0;
        while (position < bytes.Length)
        {
            var fieldStart = position;
            Varint.TryRead(bytes, ref position, out var tag);
            var field = (int)(tag >> 3);
            switch (tag & 7)
            {
                case 0:
                    Varint.TryRead(bytes, ref position, out var value);
                    if (kind != MessageKind.Tensor || field != TensorField.Payload) break;
                    total += Literal(message[literalStart..fieldStart], pieces);
                    total += Payload(payloads[(int)value - 1], pieces);
                    literalStart = position;
                    break;
                case 1:
                    position += 8;
                    break;
                case 5:
                    position += 4;
                    break;
                default:
                    Varint.TryRead(bytes, ref position, out var length);
                    var childKind = kind.Child(field);
                    var bodyStart = position;
                    position += (int)length;
                    if (!childKind.MayHoldTensors()) break;
                    var child = new List<OutputPiece>();
                    var childLength = SpliceMessage(childKind, message[bodyStart..position], payloads, child);
                    if (child.TrueForAll(p => p is LiteralPiece)) break;
                    total += Literal(message[literalStart..fieldStart], pieces);
                    total += Literal(Header(tag, childLength), pieces);
                    pieces.AddRange(child);
                    total += childLength;
                    literalStart = position;
                    break;
            }
        }

        return total + Literal(message[literalStart..], pieces);
    }

    private static long Literal(ReadOnlyMemory<byte> bytes, List<OutputPiece> pieces)
    {
        if (bytes.Length > 0) pieces.Add(new LiteralPiece(bytes));
        return bytes.Length;
    }

    private static long Payload(TensorContent content, List<OutputPiece> pieces)
    {
        var field = content switch
        {
            PackedVarints packed => packed.Field,
            FileRange range => range.Field,
            _ => TensorField.RawData,
        };
        var header = Literal(Header(((ulong)field << 3) | 2, content.Length), pieces);
        pieces.Add(new ContentPiece(content, ""));
        return header + content.Length;
    }

    private static byte[] Header(ulong tag, long length)
    {
        Span<byte> buffer = stackalloc byte[20];
        var count = Varint.Write(buffer, tag);
        count += Varint.Write(buffer[count..], (ulong)length);
        return buffer[..count].ToArray();
    }
}
