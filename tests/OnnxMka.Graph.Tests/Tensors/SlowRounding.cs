using System.Numerics;

namespace OnnxMka.Graph.Tests.Tensors;

/// <summary>
/// A 16-bit float format by its definition, in exact integers: every finite value of the format times 2^1074 (which makes every
/// double an integer), in a table; rounding is a search for the nearer neighbour. Shares nothing with the product.
/// </summary>
internal sealed class SlowRounding
{
    private readonly BigInteger[] _values;
    private readonly int _infinity;

    private SlowRounding(int exponentBits)
    {
        var mantissaBits = 15 - exponentBits;
        _infinity = ((1 << exponentBits) - 1) << mantissaBits;
        var bias = (1 << (exponentBits - 1)) - 1;
        // The entry for infinity is the value that would come next: half-way to it and beyond rounds to infinity.
        _values = new BigInteger[_infinity + 1];
        for (var code = 0; code <= _infinity; code++)
        {
            var exponent = code >> mantissaBits;
            var mantissa = code & ((1 << mantissaBits) - 1);
            var significand = exponent == 0 ? mantissa : mantissa | (1 << mantissaBits);
            _values[code] = new BigInteger(significand) << (1074 + Math.Max(exponent, 1) - bias - mantissaBits);
        }
    }

    public static SlowRounding Float16 { get; } = new(5);

    public static SlowRounding BFloat16 { get; } = new(8);

    /// <summary>Codes of the finite values and zero, without sign.</summary>
    public int FiniteCodes => _infinity;

    /// <summary>Value of a code; NaN above infinity.</summary>
    public double Value(ushort code)
    {
        var magnitude = code & 0x7FFF;
        if (magnitude > _infinity) return double.NaN;
        var value = magnitude == _infinity ? double.PositiveInfinity : ToDouble(_values[magnitude]);
        return code >= 0x8000 ? -value : value;
    }

    /// <summary>The double half-way between a value and the next one; both formats leave room for it.</summary>
    public double Midpoint(int code) => ToDouble((_values[code] + _values[code + 1]) / 2);

    /// <summary>Code of the nearest value, of the even one of two equally near.</summary>
    public ushort Round(double value)
    {
        var sign = double.IsNegative(value) ? 0x8000 : 0;
        if (double.IsInfinity(value)) return (ushort)(sign | _infinity);
        var exact = Exact(Math.Abs(value));
        var below = Array.BinarySearch(_values, exact);
        if (below >= 0) return (ushort)(sign | below);
        below = ~below - 1;
        if (below == _infinity) return (ushort)(sign | _infinity);
        var comparison = (exact - _values[below]).CompareTo(_values[below + 1] - exact);
        var up = comparison > 0 || (comparison == 0 && below % 2 == 1);
        return (ushort)(sign | (up ? below + 1 : below));
    }

    private static BigInteger Exact(double value)
    {
        var bits = BitConverter.DoubleToInt64Bits(value);
        var exponent = (int)(bits >> 52);
        var mantissa = bits & ((1L << 52) - 1);
        return exponent == 0 ? mantissa : new BigInteger(mantissa | (1L << 52)) << (exponent - 1);
    }

    private static double ToDouble(BigInteger scaled)
    {
        if (scaled.IsZero) return 0;
        var shift = (int)Math.Max(scaled.GetBitLength() - 53, 0);
        return Math.ScaleB((double)(scaled >> shift), shift - 1074);
    }
}
