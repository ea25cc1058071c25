using OnnxMka.Cutting;
using OnnxMka.Forge;

namespace OnnxMka.Tests.Cutting;

/// <summary>Networks that compute the same have the same prices, however their down projections are scaled.</summary>
public sealed class PriceTests
{
    /// <summary>A number behind the projection (Granite), or the same number in its weights.</summary>
    [Fact]
    public void A_number_behind_the_down_projection_counts_in_the_price_of_widths()
    {
        const float Scale = 0.25f; // a power of two: the same bits
        var spec = Two(LlamaPresets.TorchScriptLlama.Spec);
        var scaled = spec with { Network = spec.Network with { ResidualScale = Scale } };
        var weights = RandomWeights.For(scaled, 5);
        var behind = Widths(new DecoderModel(scaled, weights));
        var inside = Widths(new DecoderModel(spec, Times(Times(weights, Role.Down, Scale), Role.Output, Scale)));
        AssertClose(inside, behind, 1e-3);
    }

    /// <summary>A norm behind it (Gemma) takes any factor back.</summary>
    [Fact]
    public void A_norm_behind_the_down_projection_takes_its_size_out_of_the_price_of_widths()
    {
        var spec = Two(TopologyPresets.Gemma2Sandwich.Spec);
        var weights = RandomWeights.For(spec, 5);
        var large = Widths(new DecoderModel(spec, Times(weights, Role.Down, 16)));
        AssertClose(Widths(new DecoderModel(spec, weights)), large, 1e-2); // the norm's epsilon beside small rows
    }

    private static DecoderSpec Two(DecoderSpec spec) => spec with { Blocks = spec.Blocks[..2] };

    private static DecoderWeights Times(DecoderWeights weights, Role role, float factor) => Enumerable.Range(0, weights.Blocks.Length)
        .Aggregate(weights, (all, block) => all.With(block, role, all.Blocks[block][role].Map(v => v * factor)));

    private static double[] Widths(DecoderModel built)
    {
        using var model = new CutModel(built);
        return [.. model.Prices().SelectMany(u => u.Choices).Where(c => c.Name == Choice.Width).Select(c => c.Offers[^1].Price)];
    }

    private static void AssertClose(double[] expected, double[] actual, double tolerance)
    {
        Assert.Equal(2, expected.Length);
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++) Assert.InRange(actual[i] / expected[i], 1 - tolerance, 1 + tolerance);
    }
}
