using System.Buffers.Binary;
using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace OnnxMka.Graph;

/// <summary>fp32, fp16, bf16 and fp64 bytes to floats and back. Narrowing rounds to nearest, ties to even.</summary>
public static class FloatCodec
{
    /// <summary>Elements that stay in the first-level cache between two conversions.</summary>
    private const int BlockLength = 512;

    /// <summary>The bit of a bf16 number that keeps a NaN a NaN when its other bits are cut off.</summary>
    private const uint QuietNaN = 0x40;

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
                WidenBFloat16(MemoryMarshal.Cast<byte, ushort>(bytes), MemoryMarshal.Cast<float, uint>(values));
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

        Span<float> block = stackalloc float[BlockLength];
        var size = type.Bits() / 8;
        for (var start = 0; start < values.Length; start += block.Length)
        {
            var count = Math.Min(block.Length, values.Length - start);
            Decode(type, bytes.Slice(start * size, count * size), block[..count]);
            Widen(block[..count], values.Slice(start, count));
        }
    }

    /// <summary>
    /// Rounds doubles once to the element type. No double rounding: fp16 and bf16 come from the double, not through fp32.
    /// </summary>
    public static void Encode(ElementType type, ReadOnlySpan<double> values, Span<byte> bytes)
    {
        switch (type)
        {
            case ElementType.Float:
                var floats = MemoryMarshal.Cast<byte, float>(bytes);
                TensorPrimitives.ConvertTruncating(values, floats);
                break;
            case ElementType.Float16:
            case ElementType.BFloat16:
                EncodeSixteenBits(type, values, bytes);
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
    /// Round to odd into fp32 first: the sticky last bit keeps what was lost, so that the second rounding (13 or 16 bits fewer) is
    /// the same as one rounding of the double (Boldo and Melquiond, 2008).
    /// </summary>
    private static void EncodeSixteenBits(ElementType type, ReadOnlySpan<double> values, Span<byte> bytes)
    {
        Span<float> block = stackalloc float[BlockLength];
        for (var start = 0; start < values.Length; start += block.Length)
        {
            var count = Math.Min(block.Length, values.Length - start);
            RoundToOdd(values.Slice(start, count), block[..count]);
            var target = bytes.Slice(start * 2, count * 2);
            if (type == ElementType.Float16) TensorPrimitives.ConvertToHalf(block[..count], MemoryMarshal.Cast<byte, Half>(target));
            else RoundToBFloat16(block[..count], MemoryMarshal.Cast<byte, ushort>(target));
        }
    }

    private static void RoundToOdd(ReadOnlySpan<double> values, Span<float> rounded)
    {
        var i = 0;
        for (; Avx512F.IsSupported && i <= values.Length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            // Cut off towards zero, then the sticky bit where anything was lost.
            var value = Vector512.Create(values[i..]);
            var single = Avx512F.ConvertToVector256Single(value, FloatRoundingMode.ToZero);
            var exact = Avx512F.ConvertToVector256Int32(Vector512.Equals(Avx512F.ConvertToVector512Double(single), value).AsInt64());
            (single.AsInt32() | Vector256.AndNot(Vector256<int>.One, exact)).AsSingle().CopyTo(rounded[i..]);
        }

        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var low = new Vector<double>(values[i..]);
            var high = new Vector<double>(values[(i + Vector<double>.Count)..]);
            var single = Vector.Narrow(low, high);
            Vector.Widen(single, out var lowBack, out var highBack);
            // A comparison gives -1 where it holds: one step towards zero, and the sticky bit.
            var beyond = Vector.Narrow(
                Vector.GreaterThan(Vector.Abs(lowBack), Vector.Abs(low)), Vector.GreaterThan(Vector.Abs(highBack), Vector.Abs(high)));
            var exact = Vector.Narrow(Vector.Equals(lowBack, low), Vector.Equals(highBack, high));
            var bits = Vector.AsVectorInt32(single) + beyond;
            Vector.AsVectorSingle(bits | Vector.AndNot(Vector<int>.One, exact)).CopyTo(rounded[i..]);
        }

        for (; i < values.Length; i++) rounded[i] = RoundToOdd(values[i]);
    }

    private static float RoundToOdd(double value)
    {
        var single = (float)value;
        if ((double)single == value || float.IsNaN(single)) return single;
        var bits = BitConverter.SingleToInt32Bits(single);
        if (Math.Abs((double)single) > Math.Abs(value)) bits--;
        return BitConverter.Int32BitsToSingle(bits | 1);
    }

    private static void WidenBFloat16(ReadOnlySpan<ushort> narrow, Span<uint> wide)
    {
        var i = 0;
        for (; i <= narrow.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector.Widen(new Vector<ushort>(narrow[i..]), out var low, out var high);
            (low << 16).CopyTo(wide[i..]);
            (high << 16).CopyTo(wide[(i + Vector<uint>.Count)..]);
        }

        for (; i < narrow.Length; i++) wide[i] = (uint)narrow[i] << 16;
    }

    private static void RoundToBFloat16(ReadOnlySpan<float> values, Span<ushort> rounded)
    {
        var bits = MemoryMarshal.Cast<float, uint>(values);
        var i = 0;
        for (; i <= values.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            var low = UpperHalf(new Vector<uint>(bits[i..]));
            var high = UpperHalf(new Vector<uint>(bits[(i + Vector<uint>.Count)..]));
            Vector.Narrow(low, high).CopyTo(rounded[i..]);
        }

        for (; i < values.Length; i++)
            rounded[i] = (ushort)(float.IsNaN(values[i]) ? (bits[i] >> 16) | QuietNaN : (bits[i] + 0x7FFF + ((bits[i] >> 16) & 1)) >> 16);
    }

    /// <summary>The upper 16 bits, rounded to nearest, ties to even; a NaN stays one.</summary>
    private static Vector<uint> UpperHalf(Vector<uint> bits)
    {
        var upper = bits >> 16;
        var rounded = (bits + new Vector<uint>(0x7FFF) + (upper & Vector<uint>.One)) >> 16;
        var singles = Vector.AsVectorSingle(bits);
        return Vector.ConditionalSelect(
            Vector.AsVectorUInt32(Vector.Equals(singles, singles)), rounded, upper | new Vector<uint>(QuietNaN));
    }

    private static void Widen(ReadOnlySpan<float> narrow, Span<double> wide)
    {
        var i = 0;
        for (; i <= narrow.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector.Widen(new Vector<float>(narrow[i..]), out var low, out var high);
            low.CopyTo(wide[i..]);
            high.CopyTo(wide[(i + Vector<double>.Count)..]);
        }

        for (; i < narrow.Length; i++) wide[i] = narrow[i];
    }
}
