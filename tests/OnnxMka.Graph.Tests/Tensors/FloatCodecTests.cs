using System.Runtime.InteropServices;

namespace OnnxMka.Graph.Tests.Tensors;

public sealed class FloatCodecTests
{
    public static TheoryData<ElementType> HalfTypes => [ElementType.Float16, ElementType.BFloat16];

    [Theory]
    [MemberData(nameof(HalfTypes))]
    public void AllCodesAreWidenedExactly(ElementType type)
    {
        var codes = AllCodes();
        var singles = new float[codes.Length];
        var doubles = new double[codes.Length];
        FloatCodec.Decode(type, MemoryMarshal.AsBytes<ushort>(codes), singles);
        FloatCodec.Decode(type, MemoryMarshal.AsBytes<ushort>(codes), doubles);

        var slow = Slow(type);
        for (var code = 0; code < codes.Length; code++)
        {
            var expected = slow.Value((ushort)code);
            Assert.True(Same(expected, doubles[code]), $"{code:x4}: {expected} and {doubles[code]}");
            Assert.True(Same(expected, singles[code]), $"{code:x4}: {expected} and {singles[code]}");
        }
    }

    [Theory]
    [MemberData(nameof(HalfTypes))]
    public void AllCodesButNaNsComeBack(ElementType type)
    {
        var codes = AllCodes();
        var values = new double[codes.Length];
        var back = new ushort[codes.Length];
        FloatCodec.Decode(type, MemoryMarshal.AsBytes<ushort>(codes), values);
        FloatCodec.Encode(type, values, MemoryMarshal.AsBytes(back.AsSpan()));

        var slow = Slow(type);
        for (var code = 0; code < codes.Length; code++)
        {
            if (double.IsNaN(values[code])) Assert.True(double.IsNaN(slow.Value(back[code])), $"{code:x4} became {back[code]:x4}");
            else Assert.Equal(codes[code], back[code]);
        }
    }

    [Theory]
    [MemberData(nameof(HalfTypes))]
    public void EveryBoundaryBetweenTwoValuesRoundsToNearestAndTiesToEven(ElementType type)
    {
        var slow = Slow(type);
        var values = new List<double>();
        for (var code = 0; code < slow.FiniteCodes; code++)
        {
            var midpoint = slow.Midpoint(code);
            double[] near =
            [
                midpoint,
                Math.BitDecrement(midpoint),
                Math.BitIncrement(midpoint),
                midpoint * (1 + 1e-12),
                midpoint * (1 - 1e-12),
            ];
            values.AddRange(near);
            values.AddRange(near.Select(v => -v));
        }

        AssertRounded(type, [.. values]);
    }

    [Theory]
    [MemberData(nameof(HalfTypes))]
    public void RandomDoublesRoundToNearest(ElementType type)
    {
        var random = new Random(20_000);
        var values = new double[50_000];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (i % 3) switch
            {
                0 => BitConverter.Int64BitsToDouble(random.NextInt64()),
                1 => (random.NextDouble() - 0.5) * Math.ScaleB(1, random.Next(-30, 20)),
                _ => (random.NextDouble() - 0.5) * Math.ScaleB(1, random.Next(-150, 130)),
            };
        }

        AssertRounded(type, [.. values.Where(v => !double.IsNaN(v))]);
    }

    [Theory]
    [MemberData(nameof(HalfTypes))]
    public void TheEndsOfTheRangeAndZeroKeepTheirSigns(ElementType type) => AssertRounded(type, [
        0.0, -0.0, double.Epsilon, -double.Epsilon, double.MaxValue, double.MinValue, double.PositiveInfinity, double.NegativeInfinity,
        float.MaxValue, float.MinValue, float.Epsilon, 65504, 65519.999, 65520, -65520, 3.3895313892515355e38, 3.3961775292304e38,
    ]);

    /// <summary>
    /// 1 + 2^-p + 2^-40 lies above the half-way point; by way of fp32 it would fall onto it and then to even, that is down.
    /// </summary>
    [Theory]
    [InlineData(ElementType.Float16, 11)]
    [InlineData(ElementType.BFloat16, 8)]
    public void NothingIsRoundedTwice(ElementType type, int halfStep)
    {
        var value = 1 + Math.ScaleB(1, -halfStep) + Math.ScaleB(1, -40);
        Assert.Equal(1 + Math.ScaleB(1, 1 - halfStep), Slow(type).Value(Encode(type, [value])[0]));
        Assert.Equal(1.0, Slow(type).Value(Encode(type, [(float)value])[0]));
    }

    [Fact]
    public void SinglesComeFromDoublesByNearest()
    {
        var random = new Random(7);
        for (var i = 0; i < 20_000; i++)
        {
            var single = BitConverter.Int32BitsToSingle(random.Next(0, 0x7F7F_FFFE));
            var midpoint = ((double)single + MathF.BitIncrement(single)) / 2;
            var even = (BitConverter.SingleToInt32Bits(single) & 1) == 0 ? single : MathF.BitIncrement(single);
            float[] expected = [even, single, MathF.BitIncrement(single)];
            double[] values = [midpoint, Math.BitDecrement(midpoint), Math.BitIncrement(midpoint)];
            var encoded = new float[3];
            var decoded = new float[3];
            FloatCodec.Encode(ElementType.Float, values, MemoryMarshal.AsBytes(encoded.AsSpan()));
            FloatCodec.Decode(ElementType.Double, MemoryMarshal.AsBytes<double>(values), decoded);
            Assert.Equal(expected, encoded);
            Assert.Equal(expected, decoded);
        }
    }

    [Fact]
    public void OtherTypesAreNoFloats()
    {
        Assert.Throws<NotSupportedException>(() => FloatCodec.Decode(ElementType.Int32, new byte[4], new float[1]));
        Assert.Throws<NotSupportedException>(() => FloatCodec.Encode(ElementType.Float8E4M3FN, [1.0], new byte[1]));
        Assert.Throws<NotSupportedException>(() => FloatCodec.DecodeInts(ElementType.Float, new byte[4], 1));
    }

    private static void AssertRounded(ElementType type, double[] values)
    {
        var encoded = Encode(type, values);
        var slow = Slow(type);
        for (var i = 0; i < values.Length; i++)
        {
            var expected = slow.Round(values[i]);
            Assert.True(expected == encoded[i], $"{values[i]:R} became {encoded[i]:x4}, not {expected:x4}");
        }
    }

    private static ushort[] Encode(ElementType type, double[] values)
    {
        var codes = new ushort[values.Length];
        FloatCodec.Encode(type, values, MemoryMarshal.AsBytes(codes.AsSpan()));
        return codes;
    }

    private static SlowRounding Slow(ElementType type) => type == ElementType.Float16 ? SlowRounding.Float16 : SlowRounding.BFloat16;

    private static ushort[] AllCodes() => [.. Enumerable.Range(0, 65_536).Select(i => (ushort)i)];

    private static bool Same(double expected, double actual) => double.IsNaN(expected)
        ? double.IsNaN(actual)
        : BitConverter.DoubleToInt64Bits(expected) == BitConverter.DoubleToInt64Bits(actual);
}
