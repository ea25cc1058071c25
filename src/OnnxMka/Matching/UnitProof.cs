using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Running.Parts;

namespace OnnxMka.Matching;

/// <summary>Whether a block with its units in another order computes the same.</summary>
internal static class UnitProof
{
    /// <summary>
    /// The difference of two outputs y' and y in units of what the block adds, <c>||y' - y|| / ||y - x||</c>, and how large it may be.
    /// Another order of a sum changes it by roundings alone: some units u of the type in the stream that is written (4 u ||y||), and
    /// growing ones inside (sums of some thousand products in float32: 1e-3 of what is added). Units that are none change what is added by
    /// its own size.
    /// </summary>
    public static (double Error, double Allowed) Difference(
        BlockChain chain, BlockPart original, BlockPart permuted, SeamActivations input, CancellationToken ct)
    {
        using var expected = chain.RunBlock(original, input, null, null, ct);
        double difference = 0, added = 0, norm = 0;
        var before = new float[input.Set.Length * input.Width];
        var sample = 0;
        StreamRows.Each(
            chain,
            permuted,
            input,
            expected,
            (y, t, _) =>
            {
                input.ReadFloats(sample++, before);
                for (var i = 0; i < y.Length; i++)
                {
                    difference += Square(y[i] - (double)t[i]);
                    added += Square(t[i] - (double)before[i]);
                    norm += Square(t[i]);
                }
            },
            ct);
        if (!(added > 0)) return (difference > 0 ? double.PositiveInfinity : 0, 0);
        return (Math.Sqrt(difference / added), 1e-3 + (4 * Roundoff(input.Type) * Math.Sqrt(norm / added)));
    }

    private static double Square(double x) => x * x;

    private static double Roundoff(ElementType type) => type switch
    {
        ElementType.Float16 => 1.0 / (1 << 11),
        ElementType.BFloat16 => 1.0 / (1 << 8),
        _ => 1.0 / (1 << 24),
    };
}
