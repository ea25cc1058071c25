using OnnxMka.Graph;

namespace OnnxMka.Forge.Tests;

public sealed class QuantiserTests
{
    [Theory]
    [InlineData(2, ZeroPoints.None)]
    [InlineData(2, ZeroPoints.Packed)]
    [InlineData(4, ZeroPoints.None)]
    [InlineData(4, ZeroPoints.Packed)]
    [InlineData(8, ZeroPoints.None)]
    [InlineData(8, ZeroPoints.Packed)]
    public void Every_weight_is_within_half_a_step(int bits, ZeroPoints zeroPoints)
    {
        var matrix = LlamaPresets.TorchScriptLlama.Model().Weights.Blocks[0][Role.Gate];
        var quantised = Quantiser.Quantise(matrix, new QuantForm { Bits = bits, ZeroPoints = zeroPoints });
        var back = quantised.Dequantised();
        for (var i = 0; i < matrix.Count; i++)
        {
            var (row, column) = (i / matrix.Shape[1], i % matrix.Shape[1]);
            var step = quantised.Scales[column * quantised.BlocksPerRow + row / quantised.Form.BlockSize];

            // A rounded zero point can shift the range by another half step, where the end codes clip.
            Assert.InRange(Math.Abs(back.Span[i] - matrix.Span[i]), 0, step * (zeroPoints == ZeroPoints.None ? 0.5001f : 1.0001f));
        }
    }

    [Theory]
    [InlineData(ElementType.Int8, 1f / 254)]
    [InlineData(ElementType.Float8E4M3FN, 1f / 16)]
    public void Channel_codes_keep_the_precision_of_their_type(ElementType type, float relative)
    {
        var matrix = LlamaPresets.TorchScriptLlama.Model().Weights.Blocks[0][Role.Query];
        var (codes, scales) = ChannelCodes.Encode(matrix, type);
        var back = ChannelCodes.Decode(matrix, type, codes, scales);
        for (var i = 0; i < matrix.Count; i++)
        {
            var scale = scales[i % matrix.Shape[1]];
            var largest = type == ElementType.Int8 ? scale * 127 : Math.Max(Math.Abs(matrix.Span[i]), scale / 32);
            Assert.InRange(Math.Abs(back.Span[i] - matrix.Span[i]), 0, largest * relative * 1.001f);
        }
    }
}
