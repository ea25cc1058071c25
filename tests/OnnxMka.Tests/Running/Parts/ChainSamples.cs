using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Running.Parts;

/// <summary>What the chain tests run, and what the whole model makes of it.</summary>
internal static class ChainSamples
{
    public const int Vocabulary = 2048;

    /// <summary>
    /// Relative to the largest value. Both ways run the same operators, except that ONNX Runtime may fuse across a seam in the whole model;
    /// then each of 16 blocks rounds its stream and its norm otherwise, by two units of 2^-23 each at most. (Measured: equal bits
    /// for the plain fixture, 3e-7 for fused ones.)
    /// </summary>
    public static readonly double Tolerance = 16 * 4 * Math.ScaleB(1, -23);

    /// <summary>Ten windows of 32 tokens of the novels: batches of 4, 4 and 2.</summary>
    public static CalibrationSet Set { get; } = new(
        [.. ReferenceFile.Instance.Windows.SelectMany(w => new[] { w[..32], w[32..64] }).Take(10)], 32, "reference windows", "");

    public static ChainOptions Options { get; } = new() { BatchSize = 4 };

    /// <summary>[samples, T, vocabulary]</summary>
    public static float[] WholeLogits(OnnxModel model, BlockMap map)
    {
        using var session = DecoderSession.Load(map with { Model = model }, ExecutionTarget.Cpu);
        return [.. Set.Samples.Chunk(4).SelectMany(batch => session.Logits(batch.SelectMany(s => s).ToArray(), batch.Length))];
    }

    /// <summary>Prelude, the given parts in order, epilogue.</summary>
    public static float[] ChainLogits(BlockChain chain, IEnumerable<BlockPart> parts)
    {
        using var stream = chain.RunPrelude(Set);
        foreach (var part in parts) chain.Advance(part, [stream]);
        return Logits(chain, stream);
    }

    public static float[] Logits(BlockChain chain, SeamActivations seam)
    {
        var all = new float[(int)Set.TokenCount * Vocabulary];
        chain.RunEpilogue(seam, (first, _, logits) => logits.CopyTo(all.AsSpan(first * 32 * Vocabulary)));
        return all;
    }

    public static IEnumerable<BlockPart> Blocks(BlockMap map, params int[] without) =>
        Enumerable.Range(0, map.Count).Except(without).Select(b => BlockPart.Of(map.Model, map, b));

    public static byte[] Bytes(SeamActivations seam)
    {
        var bytes = new byte[seam.ByteLength];
        seam.Read(0, bytes);
        return bytes;
    }

    /// <summary>One weight of the tensor set to another value.</summary>
    public static OnnxModel WithWeight(OnnxModel model, string initializer, int index, float value)
    {
        using var reader = new TensorReader();
        var bytes = reader.ReadBytes(model.Graph.Initializers[initializer]);
        BitConverter.TryWriteBytes(bytes.AsSpan(index * sizeof(float)), value);
        var script = new EditScript();
        script.Add("test", new GraphEdit.ReplaceInitializer(initializer, new MemoryBytes(bytes)));
        return GraphEditor.Apply(model, script);
    }

    /// <summary>The tensor of block 7's down_proj.</summary>
    public static string DownProjection(BlockMap map) => map.Blocks[7].Parameters.Single(p => p.Role == "mlp/down_proj").Initializer;

    /// <summary>One input of a named node set to another value.</summary>
    public static OnnxModel WithInput(OnnxModel model, string node, int slot, string value)
    {
        var script = new EditScript();
        script.Add("test", new GraphEdit.SetInput(model.Graph.Nodes.Single(n => n.Name == node).Index, slot, value));
        return GraphEditor.Apply(model, script);
    }
}
