using OnnxMka.Forge;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Cutting;

/// <summary>Gate and up projection as one matrix, in the ways that exporters tell its sections apart.</summary>
public sealed class GateUpTests
{
    public static TheoryData<GateUpForm, LinearForm> Forms
    {
        get
        {
            var forms = new TheoryData<GateUpForm, LinearForm>();
            foreach (var form in Enum.GetValues<GateUpForm>()) forms.Add(form, LinearForm.MatMul);
            forms.Add(GateUpForm.Split, LinearForm.GemmTransB);
            forms.Add(GateUpForm.Strided, LinearForm.TransposedMatMul);
            return forms;
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Widths_are_cut_however_sections_are_told_apart(GateUpForm form, LinearForm linear)
    {
        using var model = new CutModel(Fused(form, linear));
        Assert.All(model.Units.Where(u => u.Block.Half == Halves.Mlp), u => Assert.Equal([KeyValuePair.Create("width", 48)], u.Sizes));
        Assert.Null(CutFormTests.Problem(model));
    }

    internal static DecoderModel Fused(GateUpForm form, LinearForm linear = LinearForm.MatMul)
    {
        var spec = LlamaPresets.TorchScriptLlama.Spec;
        spec = spec with
        {
            Form = spec.Form with { GateUp = form, Linear = linear },
            Network = spec.Network with { MlpBias = true },
            Blocks = spec.Blocks[..2],
        };
        return new DecoderModel(spec, RandomWeights.For(spec, 7));
    }
}
