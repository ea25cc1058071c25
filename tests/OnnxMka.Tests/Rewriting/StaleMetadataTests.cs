using OnnxMka.Forge;
using OnnxMka.Rewriting;
using OnnxMka.Tests.Forms;

namespace OnnxMka.Tests.Rewriting;

public sealed class StaleMetadataTests
{
    [Fact]
    public void Assignments_of_layers_to_parts_follow_the_layers()
    {
        using var form = new FormModel(Presets.ByName("OliveAnnotated").Model());
        var before = Entries(form.Map.Model.Metadata["split_assignments"]);
        var after = Entries(ModelRewriter.Apply(form.Map, form.Drop(1)).Model.Metadata["split_assignments"]);
        Assert.Equal(before["model.layers.0"], after["model.layers.0"]);
        Assert.Equal(before["model.layers.2"], after["model.layers.1"]);
        Assert.Equal(before["model.layers.3"], after["model.layers.2"]);
        Assert.DoesNotContain("model.layers.3", after.Keys);
        Assert.Equal(before.Count - 1, after.Count);
    }

    private static Dictionary<string, string> Entries(string assignments) =>
        assignments.Split(';').Select(e => e.Split('=')).ToDictionary(e => e[0], e => e[1], StringComparer.Ordinal);
}
