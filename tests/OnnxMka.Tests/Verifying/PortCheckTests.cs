using OnnxMka.Forge;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Structure;
using OnnxMka.Tests.Running.Sessions;
using OnnxMka.Verification;

namespace OnnxMka.Tests.Verifying;

/// <summary>The ports of a result are those that the plan leaves; inputs that initializers fill are not among them.</summary>
public sealed class PortCheckTests
{
    public static TheoryData<string> Forms => new(
        nameof(LlamaPresets.TorchScriptLlama), nameof(LlamaPresets.GenAiLlamaGqa), nameof(LlamaPresets.TorchScriptCombinedPast));

    [Theory]
    [MemberData(nameof(Forms))]
    public void Weights_that_are_inputs_too_are_no_ports(string preset)
    {
        using var form = new BuiltDecoder(preset, Disguises.Shuffled);
        Assert.True(form.Map.Model.Graph.Inputs.Count > form.Map.Model.Graph.FedInputs.Count() + 10);
        Assert.Equal(0, PortCheck.Faults(form.Map, Without(form, 1)));
        Assert.Equal(0, PortCheck.Faults(form.Map, Without(form, 0, 3)));
    }

    [Fact]
    public void Ports_that_are_missing_or_strange_or_lost_are_counted()
    {
        using var form = new BuiltDecoder(nameof(LlamaPresets.TorchScriptLlama));
        var right = Without(form, 1);
        // Caches of a removed block that stayed: two inputs and two outputs.
        Assert.Equal(4, PortCheck.Faults(form.Map, right with { Model = form.Map.Model }));
        // Caches that the plan has and the file has not.
        Assert.Equal(4, PortCheck.Faults(form.Map, form.Map with { Model = right.Model }));
        // The logits, and the mask.
        var lost = new OnnxMka.Graph.Editing.EditScript();
        lost.Add("test", new OnnxMka.Graph.Editing.GraphEdit.DropOutputPort("logits"));
        Assert.Equal(1, PortCheck.Faults(form.Map, right with { Model = OnnxMka.Graph.Editing.GraphEditor.Apply(right.Model, lost) }));
    }

    private static OnnxMka.Structure.BlockMap Without(BuiltDecoder form, params int[] blocks) =>
        ModelRewriter.Apply(form.Map, MergePlanner.Plan(
        form.Map, null, new PlanOptions { Method = Method.Drop, Named = [.. blocks] }, Fingerprint.Of(form.Map.Model))).Blocks;
}
