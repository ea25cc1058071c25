using System.Buffers;

namespace OnnxMka.Graph.Wire;

/// <summary>
/// One pass over an <c>.onnx</c> file:
/// <code>
/// before   Model{ Graph{ Node*, Tensor{ dims, type, name, raw_data = 4 GB }, ... } }
/// after    Model{ Graph{ Node*, Tensor{ dims, type, name, payload = 17 }, ... } }   and   payload 17 = (file, offset, length)
/// </code>
/// The skeleton is a few hundred bytes a node whatever the weights weigh, and is parsed by Google.Protobuf.
/// </summary>
internal sealed class ModelScanner
{
    /// <summary>Tensors below this many bytes (shapes, scalars) stay in the skeleton, where graph analysis reads them.</summary>
    public const int InlineLimit = 1024;

    /// <summary>Bounds on untrusted input: the largest known exports have 60,000 nodes and 40 MB of structure.</summary>
    private const int MaxSkeletonBytes = 128 << 20;

    private const int MaxMessages = 1_500_000;
    private const int MaxNesting = 48;
    private const int MaxUnpackedElements = 1 << 20;

    private readonly FileCursor _cursor;
    private readonly string _path;
    private readonly List<TensorContent> _payloads;
    private readonly Stack<ArrayBufferWriter<byte>> _spare = new();
    private int _messages;
    private long _unpacked;

    private ModelScanner(FileCursor cursor, string path, List<TensorContent> payloads)
    {
        _cursor = cursor;
        _path = path;
        _payloads = payloads;
    }

    /// <summary>Bytes of the skeleton; tensor bytes that were left out are appended to <paramref name="payloads"/>.</summary>
    public static ReadOnlyMemory<byte> Scan(FileCursor cursor, string path, List<TensorContent> payloads)
    {
        var scanner = new ModelScanner(cursor, path, payloads);
        var skeleton = new ArrayBufferWriter<byte>(1 << 16);
        if (cursor.Length == 0) throw cursor.Malformed("an empty file");
        scanner.ScanMessage(MessageKind.Model, cursor.Length, skeleton, depth: 0);
        return skeleton.WrittenMemory;
    }

    private void ScanMessage(MessageKind kind, long end, ArrayBufferWriter<byte> output, int depth)
    {
        if (depth > MaxNesting) throw Limit($"more than {MaxNesting} nested messages");
        if (++_messages > MaxMessages) throw Limit($"more than {MaxMessages:N0} nodes, tensors and attributes");
        var payloads = 0;
        while (_cursor.Position < end)
        {
            var tag = _cursor.ReadVarint(end);
            var field = tag >> 3;
            var wire = (int)(tag & 7);
            if (field is 0 or > 536870911) throw _cursor.Malformed($"field number {field}");
            switch (wire)
            {
                case 0:
                    CopyVarint(tag, (int)field, end, output, kind);
                    break;
                case 1:
                    CopyFixed(tag, 8, end, output, kind);
                    break;
                case 5:
                    CopyFixed(tag, 4, end, output, kind);
                    break;
                case 2:
                    ScanDelimited(kind, tag, (int)field, end, output, depth, ref payloads);
                    break;
                default:
                    throw _cursor.Malformed($"wire type {wire}");
            }

            if (output.WrittenCount > MaxSkeletonBytes) throw Limit($"more than {MaxSkeletonBytes >> 20} MB of structure");
        }
    }

    private void ScanDelimited(MessageKind kind, ulong tag, int field, long end, ArrayBufferWriter<byte> output, int depth, ref int payloads)
    {
        var length = _cursor.ReadVarint(end);
        if (length > (ulong)(end - _cursor.Position)) throw _cursor.Truncated();
        var childEnd = _cursor.Position + (long)length;
        var child = kind.Child(field);
        if (child != MessageKind.None)
        {
            var buffer = _spare.Count > 0 ? _spare.Pop() : new ArrayBufferWriter<byte>(256);
            ScanMessage(child, childEnd, buffer, depth + 1);
            WriteVarint(output, tag);
            WriteVarint(output, (ulong)buffer.WrittenCount);
            output.Write(buffer.WrittenSpan);
            buffer.ResetWrittenCount();
            _spare.Push(buffer);
            return;
        }

        if (kind == MessageKind.Tensor && PayloadOf(field, (long)length) is { } content)
        {
            if (++payloads > 1) throw _cursor.Malformed("a tensor with its data in several pieces");
            _payloads.Add(content);
            WriteVarint(output, ((ulong)TensorField.Payload << 3) | 0);
            WriteVarint(output, (ulong)_payloads.Count);
            _cursor.Skip((long)length);
            return;
        }

        if (kind == MessageKind.Tensor && field == TensorField.Payload)
        {
            _cursor.Skip((long)length);
            return;
        }

        if ((long)length + output.WrittenCount > MaxSkeletonBytes) throw Limit($"more than {MaxSkeletonBytes >> 20} MB of structure");
        WriteVarint(output, tag);
        WriteVarint(output, length);
        _cursor.Read(output.GetSpan((int)length)[..(int)length]);
        output.Advance((int)length);
    }

    private TensorContent? PayloadOf(int field, long length)
    {
        if (length < InlineLimit) return null;
        return field switch
        {
            TensorField.RawData or TensorField.FloatData or TensorField.DoubleData => new FileRange(_path, _cursor.Position, length),
            TensorField.Int32Data or TensorField.Int64Data or TensorField.UInt64Data => new PackedVarints(_path, _cursor.Position, length, field),
            _ => null,
        };
    }

    private void CopyVarint(ulong tag, int field, long end, ArrayBufferWriter<byte> output, MessageKind kind)
    {
        var value = _cursor.ReadVarint(end);
        if (kind == MessageKind.Tensor)
        {
            if (field == TensorField.Payload) return;
            CountUnpacked();
        }

        WriteVarint(output, tag);
        WriteVarint(output, value);
    }

    private void CopyFixed(ulong tag, int size, long end, ArrayBufferWriter<byte> output, MessageKind kind)
    {
        if (end - _cursor.Position < size) throw _cursor.Truncated();
        if (kind == MessageKind.Tensor) CountUnpacked();
        WriteVarint(output, tag);
        _cursor.Read(output.GetSpan(size)[..size]);
        output.Advance(size);
    }

    private void CountUnpacked()
    {
        if (++_unpacked > MaxUnpackedElements) throw Limit("tensors whose elements are stored one by one");
    }

    private RefusedException Limit(string what) => new(
        "MKA003", _cursor.Name, $"it has {what}", "No known exporter writes such a file; export it again");

    private static void WriteVarint(ArrayBufferWriter<byte> output, ulong value)
    {
        output.Advance(Varint.Write(output.GetSpan(10), value));
    }
}
