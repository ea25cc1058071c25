using ILGPU;

// e^x for x <= 0 in float64, of operations that every backend has, so that the CPU accelerator tests what the GPU runs.
// (ILGPU.Algorithms answers with Math.Exp on the CPU accelerator and with CORDIC on PTX, whose work grows with |x|.)
//
//   x = k ln2 + r, |r| <= ln2 / 2;  e^x = 2^k e^r;  e^r by its Taylor series to r^13 / 13!
//   cut off: (ln2 / 2)^14 / 14! = 4e-18, below 2^-57.   k ln2High is exact: ln2High has 32 significant bits, k eleven
//   rounding: r within 2^-54, the last steps of Horner's rule 2^-53 and 0.35 2^-53, so below 2.5 * 2^-53 together


namespace OnnxMka.Alignment.Ilgpu;

internal static class DeviceExp
{
    /// <summary>Below it e^x is less than half the smallest number: 0.</summary>
    private const double Underflow = -745.2;

    private const double InverseLn2 = 1.4426950408889634;
    private const double Ln2High = 0.69314718036912382; // 0x3FE62E42FEE00000
    private const double Ln2Low = 1.9082149292705877e-10; // ln 2 - Ln2High

    /// <param name="x">Not positive; may be -infinity.</param>
    public static double Of(double x)
    {
        if (x < Underflow)
            return 0;

        var k = (int)((x * InverseLn2) - 0.5); // to the nearest, x being negative
        var r = x - (k * Ln2High) - (k * Ln2Low);
        var sum = 1.0 / 6227020800; // 1 / 13!
        sum = (sum * r) + (1.0 / 479001600);
        sum = (sum * r) + (1.0 / 39916800);
        sum = (sum * r) + (1.0 / 3628800);
        sum = (sum * r) + (1.0 / 362880);
        sum = (sum * r) + (1.0 / 40320);
        sum = (sum * r) + (1.0 / 5040);
        sum = (sum * r) + (1.0 / 720);
        sum = (sum * r) + (1.0 / 120);
        sum = (sum * r) + (1.0 / 24);
        sum = (sum * r) + (1.0 / 6);
        sum = (sum * r) + 0.5;
        sum = (sum * r) + 1;
        sum = (sum * r) + 1;

        // In two steps: 2^k alone leaves the normal numbers where the result is a subnormal one.
        var half = k / 2;
        return sum * PowerOfTwo(half) * PowerOfTwo(k - half);
    }

    private static double PowerOfTwo(int k) => Interop.IntAsFloat((ulong)(k + 1023) << 52);
}
