using OnnxMka.Alignment;
using OnnxMka.Outcomes;
using OnnxMka.Running.Activations;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Running.Parts;

/// <summary>
/// What each block of a model leaves for a text, pooled over tokens: one row of width H a seam and sample. From one session of the whole
/// model with taps, or one block at a time with one stream that each block overwrites.
/// </summary>
/// <remarks>
/// Both are equal to the rounding of the seam's type. The operators and their order are the same, the pooling included, and where ONNX
/// Runtime optimises a part as it does the whole the bits are too. Two things round otherwise: a fused skip-norm of LayerNorm kind, which
/// becomes a sum and a norm where a part starts (about 3e-7 in fp32); and fp16 on the CPU, where the whole model keeps fp32 between blocks
/// and the chain hands the fp16 on that the model says (about 6e-4).
/// </remarks>
internal static class PooledSeams
{
    /// <inheritdoc cref="Runner.Pooled"/>
    public static SampleMatrix[] Of(
        Runner runner, BlockMap map, CalibrationSet set, Pooling pooling, IProgressSink progress, CancellationToken ct)
    {
        if (runner.Mode == RunMode.Whole)
        {
            using var whole = progress.Begin("calibrate", set.Count, "samples");
            return Whole(runner.Options, map, set, pooling, whole.AsIncrement<int>(), ct);
        }

        progress.Note($"one block at a time: {runner.Why}");
        // Each sample runs through the prelude and every block.
        using var parts = progress.Begin("calibrate", (map.Count + 1L) * set.Count, "samples x blocks");
        return ByParts(runner.Chain(map), set, pooling, parts.AsIncrement<int>(), ct);
    }

    private static SampleMatrix[] Whole(
        RunningOptions options, BlockMap map, CalibrationSet set, Pooling pooling, IProgress<int> progress, CancellationToken ct)
    {
        Vocabulary.Check(map, set);
        var tap = ActivationTap.On(map, pooling);
        using var session = DecoderSession.Load(map with { Model = tap.Model }, options.Target);
        float[][]? seams = null;
        var width = 0;
        // As many samples as tokens would hide a stream that is [tokens, samples, width].
        var batchSize = options.BatchSize > 1 && options.BatchSize == set.Length ? options.BatchSize - 1 : options.BatchSize;
        for (var start = 0; start < set.Count; start += batchSize)
        {
            ct.ThrowIfCancellationRequested();
            var batch = set.Samples.AsSpan().Slice(start, Math.Min(batchSize, set.Count - start)).ToArray();
            var rows = session.Outputs(batch.SelectMany(s => s).ToArray(), batch.Length, tap.Outputs)
                .Select((o, seam) => Rows(o.Values, o.Shape, batch.Length, seam))
                .ToArray();
            width = rows[0].Length / batch.Length;
            seams ??= [.. rows.Select(_ => new float[(long)set.Count * width])];
            for (var seam = 0; seam < rows.Length; seam++)
            {
                FiniteActivations.Require(rows[seam], seam, start, width);
                rows[seam].CopyTo(seams[seam], (long)start * width);
            }

            progress.Report(batch.Length);
        }

        return [.. seams!.Select(s => new SampleMatrix(set.Count, width, s))];
    }

    private static SampleMatrix[] ByParts(
        BlockChain chain, CalibrationSet set, Pooling pooling, IProgress<int> progress, CancellationToken ct)
    {
        var map = chain.Map;
        var stream = chain.RunPrelude(set, progress, ct);
        var seams = new SampleMatrix[map.Count];
        try
        {
            for (var block = 0; block < map.Count; block++)
            {
                var width = stream.Width;
                var rows = new float[(long)set.Count * width]; // [samples, width]
                var number = block;
                TapConsumer collect = (_, first, _, values) =>
                {
                    FiniteActivations.Require(values, number, first, width);
                    values.CopyTo(rows.AsSpan(first * width));
                };
                stream = chain.Move(BlockPart.Of(map.Model, map, block).Pooled(pooling), stream, collect, progress, ct);
                seams[block] = new SampleMatrix(set.Count, width, rows);
            }
        }
        finally
        {
            stream.Dispose();
        }

        return seams;
    }

    /// <summary>Refuses a stream that is not [samples, tokens, width]: what is pooled of it then has another shape.</summary>
    private static float[] Rows(float[] values, long[] shape, int samples, int seam) => shape.Length == 2 && shape[0] == samples
        ? values
        : throw new RefusedException(
            "MKA025",
            $"block {seam}",
            "what it leaves is not [samples, tokens, width]: "
            + $"pooled over tokens, {samples} samples give [{string.Join(", ", shape)}]",
            "Name the blocks that go: --blocks with --method drop");
}
