using System.Numerics.Tensors;

namespace OnnxMka.Running.Activations;

/// <summary>Activations of the original model, which all else is measured by.</summary>
internal static class FiniteActivations
{
    /// <summary>Refuses (MKA033) values that are not finite, with block, sample and count.</summary>
    /// <param name="rows">[samples, size].</param>
    /// <param name="block">-1 for the embedding.</param>
    public static void Require(ReadOnlySpan<float> rows, int block, int firstSample, int size)
    {
        // One look with vectors; what is wrong is counted only where something is.
        if (rows.IsEmpty || float.IsFinite(TensorPrimitives.MaxMagnitude(rows))) return;
        var (first, count) = (-1, 0);
        for (var i = 0; i < rows.Length; i++)
        {
            if (float.IsFinite(rows[i])) continue;
            if (count++ == 0) first = i;
        }

        throw new RefusedException(
            "MKA033",
            block < 0 ? "the embedding" : $"block {block}",
            $"its output is not finite for sample {firstSample + (first / size)} ({count} values in this batch)",
            "The model overflows or its weights hold NaN; fp16 models may need fp32 or another execution provider");
    }
}
