using OnnxMka.Alignment;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Running.Activations;

/// <summary>Runs calibration text through a tapped model: one row of width H a seam and sample.</summary>
public static class CalibrationRun
{
    /// <summary>
    /// Pooled activations, one <c>[N, H]</c> matrix a seam. Refuses ids beyond the vocabulary and non-finite activations, with
    /// block, sample and count, and streams of another shape. Progress counts samples.
    /// </summary>
    public static SampleMatrix[] Pooled(
        BlockMap map, CalibrationSet set, Pooling pooling, int batchSize, ExecutionTarget target, IProgress<int>? progress = null, CancellationToken ct = default)
    {
        Vocabulary.Check(map, set);
        var tap = ActivationTap.On(map, pooling);
        using var session = DecoderSession.Load(map with { Model = tap.Model }, target);
        float[][]? seams = null;
        var width = 0;
        // As many samples as tokens would hide a stream that is [tokens, samples, width].
        if (batchSize > 1 && batchSize == set.Length) batchSize--;
        for (var start = 0; start < set.Count; start += batchSize)
        {
            ct.ThrowIfCancellationRequested();
            var batch = set.Samples.AsSpan().Slice(start, Math.Min(batchSize, set.Count - start)).ToArray();
            var rows = session.Outputs(batch.SelectMany(s => s).ToArray(), batch.Length, tap.Outputs).Select((o, seam) => Rows(o.Values, o.Shape, batch.Length, seam)).ToArray();
            width = rows[0].Length / batch.Length;
            seams ??= [.. rows.Select(_ => new float[(long)set.Count * width])];
            for (var seam = 0; seam < rows.Length; seam++)
            {
                FiniteActivations.Require(rows[seam], seam, start, width);
                rows[seam].CopyTo(seams[seam], (long)start * width);
            }

            progress?.Report(batch.Length);
        }

        return [.. seams!.Select(s => new SampleMatrix(set.Count, width, s))];
    }

    /// <summary>Refuses a stream that is not [samples, tokens, width]: what is pooled of it then has another shape.</summary>
    private static float[] Rows(float[] values, long[] shape, int samples, int seam) => shape.Length == 2 && shape[0] == samples
        ? values
        : throw new RefusedException(
            "MKA025", $"block {seam}", $"what it leaves is not [samples, tokens, width]: pooled over tokens, {samples} samples give [{string.Join(", ", shape)}]", "Name the blocks that go: --blocks with --method drop");
}
