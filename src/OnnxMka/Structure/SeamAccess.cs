using OnnxMka.Graph;
using OnnxMka.Graph.Editing;

namespace OnnxMka.Structure;

/// <summary>Makes a seam readable as a value: a fused skip-norm may keep its sum to itself.</summary>
internal static class SeamAccess
{
    /// <summary>Gives a fused skip-norm the output that carries its sum, under the seam's name, where it lacks it.</summary>
    public static void Expose(OnnxModel model, Seam seam, EditScript script, string stage)
    {
        if (seam.SkipNorm is not { } index) return;
        var node = model.Graph.Nodes[index];
        var slot = NormalisedView.SumSlot(node);
        if (node.Outputs.Length <= slot || node.Outputs[slot].Length == 0)
            script.Add(stage, new GraphEdit.SetOutput(index, slot, seam.Value));
    }
}
