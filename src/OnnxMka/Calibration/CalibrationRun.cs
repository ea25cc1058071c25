using OnnxMka.Alignment;
using OnnxMka.Blocks;
using OnnxMka.Runtime;

namespace OnnxMka.Calibration;

/// <summary>Runs calibration text through a tapped model: one row of width H a seam and sample.</summary>
public static class CalibrationRun
{
    /// <summary>
    /// Pooled activations, one <c>[N, H]</c> matrix a seam. Refuses ids beyond the vocabulary and non-finite activations, with
    /// block, sample and count. Progress counts samples.
    /// </summary>
    public static SampleMatrix[] Pooled(
        BlockMap map, CalibrationSet set, Pooling pooling, int batchSize, ExecutionTarget target, IProgress<int>? progress = null, CancellationToken ct = default)
    {
        Vocabulary.Check(map, set);
        var tap = ActivationTap.On(map, pooling);
        using var session = DecoderSession.Load(map with { Model = tap.Model }, target);
        float[][]? seams = null;
        var width = 0;
        for (var start = 0; start < set.Count; start += batchSize)
        {
            ct.ThrowIfCancellationRequested();
            var batch = set.Samples.AsSpan().Slice(start, Math.Min(batchSize, set.Count - start)).ToArray();
            var rows = session.Outputs(batch.SelectMany(s => s).ToArray(), batch.Length, tap.Outputs);
            width = rows[0].Length / batch.Length;
            seams ??= [.. rows.Select(_ => new float[(long)set.Count * width])];
            for (var seam = 0; seam < rows.Length; seam++)
            {
                RefuseNonFinite(rows[seam], seam, start, width);
                rows[seam].CopyTo(seams[seam], (long)start * width);
            }

            progress?.Report(batch.Length);
        }

        return [.. seams!.Select(s => new SampleMatrix(set.Count, width, s))];
    }

    private static void RefuseNonFinite(float[] rows, int seam, int firstSample, int width)
    {
        var bad = Array.FindIndex(rows, v => !float.IsFinite(v));
        if (bad < 0) return;
        var count = rows.Count(v => !float.IsFinite(v));
        throw new RefusedException(
            "MKA033", $"block {seam}", $"its output is not finite for sample {firstSample + (bad / width)} ({count} values in this batch)", "The model overflows or its weights hold NaN; fp16 models may need fp32 or another execution provider");
    }
}
