using OnnxMka.Alignment;
using OnnxMka.Running.Activations;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Running.Parts;

/// <summary>
/// What <see cref="CalibrationRun"/> computes, for models that are larger than memory: one block is loaded at a time, and one stream
/// is kept, which each block overwrites.
/// </summary>
/// <remarks>
/// Equal to the whole-model run to the rounding of the seam's type. The operators and their order are the same, the pooling included, and
/// where ONNX Runtime optimises a part as it does the whole the bits are too. Two things round otherwise: a fused skip-norm of LayerNorm
/// kind, which becomes a sum and a norm where a part starts (about 3e-7 in fp32); and fp16 on the CPU, where the whole model
/// keeps fp32 between blocks and the chain hands the fp16 on that the model says (about 6e-4).
/// </remarks>
public static class ChainCalibration
{
    /// <summary>Samples that progress will have counted at the end: each runs through the prelude and every block.</summary>
    public static long ProgressTotal(BlockMap map, CalibrationSet set) => (map.Count + 1L) * set.Count;

    /// <summary>
    /// Pooled activations, one <c>[N, H]</c> matrix a seam. Refuses as the whole-model run does, and models whose blocks need more of
    /// each other than the stream (MKA024). Progress counts samples, once a part.
    /// </summary>
    public static SampleMatrix[] Pooled(
        BlockMap map, CalibrationSet set, Pooling pooling, int batchSize, ExecutionTarget target, IProgress<int>? progress = null, CancellationToken ct = default) =>
        Pooled(map, set, pooling, new ChainOptions { BatchSize = batchSize }, target, progress, ct);

    /// <inheritdoc cref="Pooled(BlockMap, CalibrationSet, Pooling, int, ExecutionTarget, IProgress{int}?, CancellationToken)"/>
    public static SampleMatrix[] Pooled(
        BlockMap map, CalibrationSet set, Pooling pooling, ChainOptions options, ExecutionTarget target, IProgress<int>? progress = null, CancellationToken ct = default)
    {
        var chain = BlockChain.Of(map, target, options);
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
}
