using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace OnnxMka.Graph;

/// <summary>fp32, fp16, bf16 and fp64 bytes to floats and back. Narrowing rounds to nearest, ties to even.</summary>
public static class FloatCodec
{
    /// <summary>Widens (or for fp64 rounds) little-endian elements into floats of the same count.</summary>
    public static void Decode(ElementType type, ReadOnlySpan<byte> bytes, Span<float> values)
    {
        switch (type)
        {
            case ElementType.Float:
                MemoryMarshal.Cast<byte, float>(bytes).CopyTo(values);
                break;
            case ElementType.Float16:
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(bytes), values);
                break;
            case ElementType.BFloat16:
                var halves = MemoryMarshal.Cast<byte, ushort>(bytes);
                var bits = MemoryMarshal.Cast<float, uint>(values);
                for (var i = 0; i < halves.Length; i++)
                    bits[i] = (uint)halves[i] << 16;
                break;
            case ElementType.Double:
                TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, double>(bytes), values);
                break;
            default:
                throw new NotSupportedException($"{type} is no float type");
        }
    }

    /// <summary>Widens little-endian elements into doubles of the same count.</summary>
    public static void Decode(ElementType type, ReadOnlySpan<byte> bytes, Span<double> values)
    {
        if (type == ElementType.Double)
        {
            MemoryMarshal.Cast<byte, double>(bytes).CopyTo(values);
            return;
        }

        Span<float> block = stackalloc float[256];
        var size = type.Bits() / 8;
        for (var start = 0; start < values.Length; start += block.Length)
        {
            var count = Math.Min(block.Length, values.Length - start);
            Decode(type, bytes.Slice(start * size, count * size), block[..count]);
            TensorPrimitives.ConvertChecked<float, double>(block[..count], values.Slice(start, count));
        }
    }

    /// <summary>Rounds doubles once to the element type. No double rounding: fp16 and bf16 come from the double, not through fp32.</summary>
    public static void Encode(ElementType type, ReadOnlySpan<double> values, Span<byte> bytes)
    {
        switch (type)
        {
            case ElementType.Float:
                var floats = MemoryMarshal.Cast<byte, float>(bytes);
                for (var i = 0; i < values.Length; i++) floats[i] = (float)values[i];
                break;
            case ElementType.Float16:
                var halves = MemoryMarshal.Cast<byte, Half>(bytes);
                for (var i = 0; i < values.Length; i++) halves[i] = (Half)values[i];
                break;
            case ElementType.BFloat16:
                var brains = MemoryMarshal.Cast<byte, ushort>(bytes);
                for (var i = 0; i < values.Length; i++) brains[i] = ToBFloat16(values[i]);
                break;
            case ElementType.Double:
                values.CopyTo(MemoryMarshal.Cast<byte, double>(bytes));
                break;
            default:
                throw new NotSupportedException($"{type} is no float type");
        }
    }

    /// <summary>Integer elements as int64.</summary>
    public static long[] DecodeInts(ElementType type, ReadOnlySpan<byte> bytes, long count)
    {
        var values = new long[checked((int)count)];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = type switch
            {
                ElementType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(bytes[(i * 8)..]),
                ElementType.UInt64 => unchecked((long)BinaryPrimitives.ReadUInt64LittleEndian(bytes[(i * 8)..])),
                ElementType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(bytes[(i * 4)..]),
                ElementType.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(bytes[(i * 4)..]),
                ElementType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(bytes[(i * 2)..]),
                ElementType.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(bytes[(i * 2)..]),
                ElementType.Int8 => (sbyte)bytes[i],
                ElementType.UInt8 or ElementType.Bool => bytes[i],
                _ => throw new NotSupportedException($"{type} is no integer type"),
            };
        }

        return values;
    }

    /// <summary>
    /// Round to odd into fp32 first: the sticky last bit keeps what was lost, so that the second rounding (16 bits fewer) is the
    /// same as one rounding of the double (Boldo and Melquiond, 2008).
    /// </summary>
    private static ushort ToBFloat16(double value)
    {
        var single = (float)value;
        var bits = BitConverter.SingleToUInt32Bits(single);
        if (float.IsNaN(single)) return (ushort)((bits >> 16) | 0x40);
        if (double.IsFinite(value) && (double)single != value)
        {
            if (Math.Abs((double)single) > Math.Abs(value)) bits--;
            bits |= 1;
        }

        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
