using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Outcomes;
using OnnxMka.Rewriting;
using OnnxMka.Running.Activations;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using DecoderSession = OnnxMka.Running.Sessions.DecoderSession;

namespace OnnxMka.Tests.Forms;

/// <summary>Weights stored as no preset stores them.</summary>
public sealed class StorageDisguiseTests
{
    private static readonly Dictionary<string, Func<byte[], byte[]>> _packed = new(StringComparer.Ordinal)
    {
        [nameof(Disguises.ActOrder)] = Disguises.ActOrder,
        [nameof(Disguises.Bnb4)] = Disguises.Bnb4,
    };

    [Theory]
    [InlineData(nameof(QuantisedPresets.MatMulNBits4), nameof(Disguises.ActOrder))]
    [InlineData(nameof(QuantisedPresets.TorchScriptNBits4), nameof(Disguises.ActOrder))]
    [InlineData(nameof(QuantisedPresets.MatMulNBits4), nameof(Disguises.Bnb4))]
    [InlineData(nameof(QuantisedPresets.TorchScriptNBits4), nameof(Disguises.Bnb4))]
    public void Packed_blocks_are_dropped_to_the_bit_and_not_merged(string preset, string disguise)
    {
        var built = Presets.ByName(preset).Model();
        using var plain = new FormModel(built);
        using var form = new FormModel(built, _packed[disguise]);
        Assert.Equal(form.BlockCount, form.Map.Count);
        Assert.Single(form.Map.Blocks.Select(b => b.Kind).Distinct());
        // The order of inputs is part of a weight.
        var products = form.Map.Blocks.Sum(b => b.Nodes.Count(n => form.Map.Model.Graph.Nodes[n].OpType == "MatMulNBits"));
        Assert.Equal(plain.Map.Blocks.Sum(b => b.Parameters.Length) + products, form.Map.Blocks.Sum(b => b.Parameters.Length));
        Assert.True(LogitTolerance.Distance(Logits(plain.Map), Logits(form.Map)) > 0.1, "the disguise changes nothing");
        foreach (var block in new[] { 0, 1, form.BlockCount - 1 })
        {
            var dropped = ModelRewriter.Apply(form.Map, form.Drop(block), keepNames: true);
            AssertBytesStay(form.Map.Model, dropped.Model);
            using var smaller = new FormModel(form.Without(block), _packed[disguise]);
            var expected = Logits(smaller.Map);
            Assert.InRange(LogitTolerance.Distance(expected, Logits(dropped.Blocks)), 0, LogitTolerance.For(form.Without(block), expected));
        }

        Assert.Equal("MKA043", Assert.Throws<RefusedException>(() => ModelRewriter.Apply(form.Map, form.Merge(1, 2, 0.7))).Refusal.Code);
    }

    [Theory]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama))]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqa))]
    public void Brain_floats_are_dropped_to_the_bit_and_merged_to_the_nearest(string preset)
    {
        var built = Presets.ByName(preset).Model();
        using var plain = new FormModel(built);
        using var form = new FormModel(built, Disguises.BFloat16);
        Assert.Equal(
            plain.Map.Blocks.Select(b => (b.Kind, b.Parameters.Length)), form.Map.Blocks.Select(b => (b.Kind, b.Parameters.Length)));
        AssertBytesStay(form.Map.Model, ModelRewriter.Apply(form.Map, form.Drop(1), keepNames: true).Model);
        var merged = ModelRewriter.Apply(form.Map, form.Merge(1, 2, 0.7), keepNames: true);
        Assert.Equal(form.Map.Blocks[1].Parameters.Length, merged.Merged.Length);
        using var reader = new TensorReader();
        foreach (var (parameter, other) in merged.Merged.Zip(form.Map.Blocks[2].Parameters))
        {
            var tensor = merged.Model.Graph.Initializers[parameter.Name];
            Assert.Equal(ElementType.BFloat16, tensor.Type);
            var (a, b, m) = (
                reader.ReadFloats(form.Map.Tensor(parameter.Kept)),
                reader.ReadFloats(form.Map.Tensor(other.Initializer)),
                reader.ReadFloats(tensor));
            for (var i = 0; i < m.Length; i++)
            {
                // Half a unit of 8 bits, and what fp32 sums may err by next to a tie: shares, products and sum, each half a unit of 24
                // bits.
                var exact = (0.7 * a[i]) + (0.3 * b[i]);
                var fp32 = 3 * Math.ScaleB(Math.Abs(0.7 * a[i]) + Math.Abs(0.3 * b[i]), -24);
                Assert.InRange(Math.Abs(m[i] - exact), 0, Math.ScaleB(Math.Abs(exact), -8) / (1 + Math.ScaleB(1, -8)) + fp32);
            }

            // The control: neither block's own weights.
            Assert.False(m.AsSpan().SequenceEqual(a));
        }
    }

    [Fact]
    public void A_stream_of_another_layout_is_not_run_block_by_block()
    {
        var set = new CalibrationSet(
            [.. Enumerable.Range(0, 4).Select(i => Enumerable.Range(0, 6).Select(t => ((i * 31) + (t * t * 7)) % 97).ToArray())],
            6,
            "made up",
            "");
        foreach (var (disguise, shape) in new (Func<byte[], byte[]>, string)[]
        {
            (Disguises.TokensFirst, "[6, 4, "),
            (Disguises.Flattened, "[24, "),
        })
        {
            using var form = new FormModel(LlamaPresets.TorchScriptLlama.Model(), disguise);
            var refused = Assert.Throws<RefusedException>(
                () => Runners.ByParts(form.Map, set, 4).Pooled(form.Map, set, Pooling.Mean, NoProgress.Instance));
            Assert.Equal("MKA025", refused.Refusal.Code);
            Assert.Contains($"it leaves a stream of shape {shape}", refused.Message, StringComparison.Ordinal);
            Assert.Contains("for 4 samples of 6 tokens, not [samples, tokens, width]", refused.Message, StringComparison.Ordinal);
        }
    }

    private static float[] Logits(OnnxMka.Structure.BlockMap map)
    {
        using var session = DecoderSession.Load(map, ExecutionTarget.Cpu);
        return session.Logits([.. Enumerable.Range(1, 12).Select(i => i * 37 % 97)], 1);
    }

    private static void AssertBytesStay(OnnxModel original, OnnxModel rewritten)
    {
        using var reader = new TensorReader();
        Assert.True(rewritten.Graph.Initializers.Count < original.Graph.Initializers.Count);
        foreach (var (name, tensor) in rewritten.Graph.Initializers)
            Assert.True(reader.ReadBytes(original.Graph.Initializers[name]).AsSpan().SequenceEqual(reader.ReadBytes(tensor)), name);
    }
}
