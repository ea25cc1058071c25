using BenchmarkDotNet.Attributes;
using OnnxMka.Graph;
using OnnxMka.Rewriting;

namespace OnnxMka.Benchmarks;

/// <summary>Conversions and merges, cut into chunks and spread over all cores as the writer does.</summary>
public class WeightKernels
{
    /// <summary>64 MB of 16-bit weights: beyond every cache.</summary>
    public const int Elements = 32 << 20;

    private const int Chunk = 128 << 10;

    private readonly byte[] _half = new byte[Elements * 2];
    private readonly byte[] _brain = new byte[Elements * 2];
    private readonly byte[] _target = new byte[Elements * 4];
    private readonly float[] _single = new float[Elements];
    private readonly double[] _double = new double[Elements];
    private MergedTensor _halves = null!;
    private MergedTensor _sevenHalves = null!;
    private MergedTensor _brains = null!;
    private MergedTensor _singles = null!;
    private TensorReader _reader = null!;

    [GlobalSetup]
    public void Setup()
    {
        _reader = new TensorReader();
        var random = new Random(1);
        for (var i = 0; i < Elements; i++) _double[i] = (random.NextDouble() - 0.5) / 16;
        FloatCodec.Encode(ElementType.Float16, _double, _half);
        FloatCodec.Encode(ElementType.BFloat16, _double, _brain);
        _halves = Merge(ElementType.Float16, _half, 2);
        _sevenHalves = Merge(ElementType.Float16, _half, 7);
        _brains = Merge(ElementType.BFloat16, _brain, 2);
        var singles = new byte[Elements * 4];
        FloatCodec.Encode(ElementType.Float, _double, singles);
        _singles = Merge(ElementType.Float, singles, 2);
    }

    [GlobalCleanup]
    public void Cleanup() => _reader.Dispose();

    [Benchmark(Baseline = true), Traffic(8, "copy")]
    public void Copy() =>
        Chunks(
            (start, count) => _single.AsSpan(start, count).CopyTo(
                System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(_target.AsSpan(start * 4, count * 4))));

    [Benchmark, Traffic(6, "fp16 to fp32")]
    public void WidenHalf() =>
        Chunks((start, count) => FloatCodec.Decode(ElementType.Float16, _half.AsSpan(start * 2, count * 2), _single.AsSpan(start, count)));

    [Benchmark, Traffic(6, "bf16 to fp32")]
    public void WidenBrain() =>
        Chunks(
            (start, count) => FloatCodec.Decode(ElementType.BFloat16, _brain.AsSpan(start * 2, count * 2), _single.AsSpan(start, count)));

    [Benchmark, Traffic(10, "fp64 rounded once to fp16")]
    public void RoundHalf() =>
        Chunks(
            (start, count) => FloatCodec.Encode(ElementType.Float16, _double.AsSpan(start, count), _target.AsSpan(start * 2, count * 2)));

    [Benchmark, Traffic(10, "fp64 rounded once to bf16")]
    public void RoundBrain() =>
        Chunks(
            (start, count) => FloatCodec.Encode(ElementType.BFloat16, _double.AsSpan(start, count), _target.AsSpan(start * 2, count * 2)));

    [Benchmark, Traffic(6, "merge of 2 fp16 tensors")]
    public void MergeHalves() => Merge(_halves, 2);

    [Benchmark, Traffic(16, "merge of 7 fp16 tensors")]
    public void MergeSevenHalves() => Merge(_sevenHalves, 2);

    [Benchmark, Traffic(6, "merge of 2 bf16 tensors")]
    public void MergeBrains() => Merge(_brains, 2);

    [Benchmark, Traffic(12, "merge of 2 fp32 tensors")]
    public void MergeSingles() => Merge(_singles, 4);

    private static MergedTensor Merge(ElementType type, byte[] bytes, int sources) => new(
        [
            .. Enumerable.Range(0, sources).Select(
                i => (new TensorRef($"w{i}", type, [Elements], new MemoryBytes(bytes.ToArray())), 1.0 / sources)),
        ]);

    private void Merge(MergedTensor merged, int size) =>
        Chunks((start, count) => merged.Fill((long)start * size, _target.AsSpan(start * size, count * size), _reader));

    private static void Chunks(Action<int, int> body) => Parallel.For(0, Elements / Chunk, i => body(i * Chunk, Chunk));
}
