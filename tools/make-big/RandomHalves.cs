using System.Runtime.InteropServices;
using OnnxMka.Graph;

namespace OnnxMka.MakeBig;

/// <summary>
/// fp16 numbers of random sign and magnitude in [scale, 2 scale), a function of seed and place alone: any chunk can be computed
/// on any thread.
/// </summary>
internal sealed class RandomHalves(long elements, ulong seed, int exponent) : ComputedContent
{
    public override long Length => elements * 2;

    // Four elements come from one random number.
    public override int ElementSize => 8;

    /// <summary>Exponent of the largest power of two not above 1 / sqrt(width): sums over the width stay near 1.</summary>
    public static int ExponentFor(long width) => -(int)Math.Ceiling(Math.Log2(Math.Sqrt(width)));

    public override void Fill(long offset, Span<byte> destination, TensorReader reader)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(destination);
        var bits = (ulong)(exponent + 15) << 10;
        var exponents = bits | (bits << 16) | (bits << 32) | (bits << 48);
        var start = (ulong)offset / 8;
        // Sign and mantissa are random, the exponent is fixed.
        for (var i = 0; i < words.Length; i++)
            words[i] = (Mix(seed + ((start + (ulong)i) * 0x9E3779B97F4A7C15UL)) & 0x83FF83FF83FF83FFUL) | exponents;
    }

    /// <summary>SplitMix64's output function (Steele, Lea, Flood 2014).</summary>
    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
