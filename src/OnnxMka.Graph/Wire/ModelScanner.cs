using System.Text.Unicode;

namespace OnnxMka.Graph;

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

    private const int MaxNesting = 48;
    private const int MaxField = 536870911;

    private readonly FileCursor _cursor;
    private readonly string _path;
    private readonly List<TensorContent> _payloads;
    private readonly SkeletonBuffer _output = new();
    private readonly StructureBudget _budget = new();

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
        if (cursor.Length == 0) throw cursor.Malformed("an empty file");
        scanner.ScanMessage(MessageKind.Model, cursor.Length, depth: 0);
        return scanner._output.Written;
    }

    private void ScanMessage(MessageKind kind, long end, int depth)
    {
        if (depth > MaxNesting) throw Limit($"more than {MaxNesting} nested messages");
        _budget.AddMessage(kind);
        var seen = 0u;
        var payloads = 0;
        while (_cursor.Position < end)
        {
            if (_budget.IsSpent) throw Limit("more nodes, attributes and names than any known model");
            var tag = _cursor.ReadVarint(end);
            if (tag >> 3 is 0 or > MaxField) throw _cursor.Malformed($"field number {tag >> 3}");
            var field = (int)(tag >> 3);
            switch (tag & 7)
            {
                case 0:
                    CopyVarint(kind, tag, field, end);
                    break;
                case 1:
                    CopyFixed(kind, tag, field, 8, end);
                    break;
                case 5:
                    CopyFixed(kind, tag, field, 4, end);
                    break;
                case 2:
                    if (kind.IsSingle(field) && (seen & (1u << field)) != 0)
                        throw _cursor.Malformed($"a second {kind.Child(field)} in one {kind}");
                    seen |= field < 32 ? 1u << field : 0;
                    ScanDelimited(kind, tag, field, end, depth, ref payloads);
                    break;
                default:
                    throw _cursor.Malformed($"wire type {tag & 7}");
            }
        }
    }

    private void ScanDelimited(MessageKind kind, ulong tag, int field, long end, int depth, ref int payloads)
    {
        var length = Length(end);
        var child = kind.Child(field);
        if (child != MessageKind.None)
        {
            _output.WriteVarint(tag);
            var start = _output.BeginMessage();
            ScanMessage(child, _cursor.Position + length, depth + 1);
            _output.EndMessage(start);
        }
        else if (kind == MessageKind.Tensor && PayloadOf(field, length) is { } content)
        {
            if (++payloads > 1) throw _cursor.Malformed("a tensor with its data in several pieces");
            _budget.AddBytes(kind, TensorField.RawData, 0);
            _payloads.Add(content);
            _output.WriteVarint((ulong)TensorField.Payload << 3);
            _output.WriteVarint((ulong)_payloads.Count);
            _cursor.Skip(length);
        }
        else if (kind == MessageKind.Tensor && field == TensorField.Payload)
        {
            _cursor.Skip(length);
        }
        else
        {
            CopyBytes(kind, tag, field, length);
        }
    }

    private long Length(long end)
    {
        var length = _cursor.ReadVarint(end);
        if (length > (ulong)(end - _cursor.Position)) throw _cursor.Truncated();
        return (long)length;
    }

    private TensorContent? PayloadOf(int field, long length)
    {
        if (length < InlineLimit) return null;
        return field switch
        {
            TensorField.RawData or TensorField.FloatData or TensorField.DoubleData => new FileRange(
                _path, _cursor.Position, length)
            { Field = field },
            TensorField.Int32Data or TensorField.Int64Data or TensorField.UInt64Data => new PackedVarints(
                _path, _cursor.Position, length, field),
            _ => null,
        };
    }

    private void CopyBytes(MessageKind kind, ulong tag, int field, long length)
    {
        _budget.AddBytes(kind, field, length);
        if (_budget.IsSpent) throw Limit("more nodes, attributes and names than any known model");
        _output.WriteVarint(tag);
        _output.WriteVarint((ulong)length);
        var bytes = _output.Append((int)length);
        _cursor.Read(bytes);
        if (kind.IsName(field) && !Utf8.IsValid(bytes)) throw _cursor.Malformed("a name that is not UTF-8");
    }

    private void CopyVarint(MessageKind kind, ulong tag, int field, long end)
    {
        var value = _cursor.ReadVarint(end);
        if (kind == MessageKind.Tensor && field == TensorField.Payload) return;
        _budget.AddNumber(kind, field);
        _output.WriteVarint(tag);
        _output.WriteVarint(value);
    }

    private void CopyFixed(MessageKind kind, ulong tag, int field, int size, long end)
    {
        if (end - _cursor.Position < size) throw _cursor.Truncated();
        _budget.AddNumber(kind, field);
        _output.WriteVarint(tag);
        _cursor.Read(_output.Append(size));
    }

    private RefusedException Limit(string what) => new(
        "MKA003", _cursor.Name, $"it has {what}", "No known exporter writes such a file; export it again");
}
