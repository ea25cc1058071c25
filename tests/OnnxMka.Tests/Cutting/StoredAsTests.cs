using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Steps.Cutting;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Cutting;

/// <summary>Weights stored in half precision behind casts, and products that scale: cut in the type that they are stored in.</summary>
public sealed class StoredAsTests
{
    [Theory]
    [InlineData(ElementType.Float16)]
    [InlineData(ElementType.BFloat16)]
    public void Weights_behind_casts_keep_their_type(ElementType type)
    {
        using var model = new CutModel(LlamaPresets.TorchScriptLlama.Model(), file => Disguises.StoredAs(file, type));
        Assert.All(model.Units, u => Assert.Empty(u.Obstacles));
        Assert.Null(CutFormTests.Problem(model));
    }

    [Fact]
    public void What_a_CPU_cannot_run_is_refused()
    {
        using var model = new CutModel(LlamaPresets.TorchScriptLlama.Model(), Disguises.BFloat16);
        Assert.Throws<RefusedException>(() => model.Compare(new Cut { Units = model.Halved }));
    }

    /// <summary>Products as ONNX Runtime's optimiser leaves them, with a factor.</summary>
    [Fact]
    public void Fused_products_are_cut()
    {
        using var model = new CutModel(LlamaPresets.TorchScriptLlama.Model(), Disguises.FusedMatMuls);
        Assert.All(model.Units, u => Assert.Empty(u.Obstacles));
        Assert.All(model.Units.Where(u => u.Block.Half == Halves.Attention), u => Assert.Equal(4, u.Sizes.Count));
        Assert.Null(CutFormTests.Problem(model));
    }
}
