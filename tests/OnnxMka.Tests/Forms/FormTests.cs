using OnnxMka.Forge;

namespace OnnxMka.Tests.Forms;

/// <summary>Every form that exporters write: found, dropped and merged like the same network built afresh.</summary>
public sealed class FormTests
{
    public static TheoryData<string> Accepted => new(Presets.Accepted.Select(p => p.Name).Where(n => n != nameof(LlamaPresets.IfMergedOptimum)));

    [Theory]
    [MemberData(nameof(Accepted))]
    public void Blocks_are_found(string name)
    {
        var preset = Presets.ByName(name);
        using var form = new FormModel(preset.Model());
        Assert.Equal(preset.Spec.Blocks.Length, form.Map.Count);
    }

    [Theory]
    [MemberData(nameof(Accepted))]
    public void Dropping_equals_building_without(string name)
    {
        using var form = new FormModel(Presets.ByName(name).Model());
        var last = form.BlockCount - 1;
        foreach (var blocks in new int[][] { [0], [1], [last], [1, 2], [0, last] })
        {
            var (difference, tolerance) = form.Compare(form.Drop(blocks), form.Without(blocks));
            Assert.True(difference <= tolerance, $"without {string.Join(',', blocks)}: {difference:e2}, at most {tolerance:e2}");
        }
    }

    [Theory]
    [MemberData(nameof(Accepted))]
    public void Merging_equals_building_merged_or_is_refused(string name)
    {
        using var form = new FormModel(Presets.ByName(name).Model());
        var (left, right) = form.Map.Blocks[1].Kind == form.Map.Blocks[2].Kind ? (1, 2) : (1, 3);
        var plan = form.Merge(left, right, 0.7);
        if (form.Map.Blocks[left].MergeObstacle is not null)
        {
            Assert.Equal("MKA043", Assert.Throws<RefusedException>(() => OnnxMka.Rewriting.ModelRewriter.Apply(form.Map, plan)).Refusal.Code);
            return;
        }

        if (form.Map.Blocks[left].Kind != form.Map.Blocks[right].Kind)
        {
            Assert.Equal("MKA041", Assert.Throws<RefusedException>(() => OnnxMka.Rewriting.ModelRewriter.Apply(form.Map, plan)).Refusal.Code);
            return;
        }

        var (difference, tolerance) = form.Compare(plan, form.Merged(left, right, 0.7));
        Assert.True(difference <= tolerance, $"{difference:e2}, at most {tolerance:e2}");
        // The control: another alpha is another model.
        Assert.True(form.Compare(form.Merge(left, right, 0.6), form.Merged(left, right, 0.7)).Difference > tolerance);
    }

    [Fact]
    public void Structure_is_as_reviewed()
    {
        var text = new System.Text.StringBuilder();
        foreach (var preset in Presets.Accepted.Where(p => p.Name != nameof(LlamaPresets.IfMergedOptimum)))
        {
            using var form = new FormModel(preset.Model());
            text.Append(preset.Name).Append(": ").Append(form.Map.TokenInput).Append(" -> ").Append(form.Map.Logits).Append('\n');
            foreach (var b in form.Map.Blocks)
            {
                text.Append($"  {b.Index} kind {b.Kind}, {b.Nodes.Length} nodes, {b.Parameters.Length} parameters of {form.Map.ParameterBytes(b)} bytes, ");
                text.Append($"{string.Join(' ', b.KvInputs.Select(p => p.Name))} -> {string.Join(' ', b.KvOutputs.Select(p => p.Name))}, seam {b.Output.Value}{(b.Output.IsFused ? " (fused)" : "")}");
                text.Append(b.MergeObstacle is null ? "\n" : $"; its {b.MergeObstacle}\n");
            }
        }

        Golden.Check("Forms", text.ToString());
    }

    [Fact]
    public void What_cannot_be_treated_is_refused_with_a_reason()
    {
        var text = new System.Text.StringBuilder();
        foreach (var preset in Presets.Refused.Append(LlamaPresets.IfMergedOptimum)) text.Append(preset.Name).Append(": ").Append(Outcome(() => new FormModel(preset.Model()))).Append('\n');
        foreach (var (name, bytes) in new[] { ("Mlp", UnfitGraphs.Mlp()), ("BeamSearch", UnfitGraphs.BeamSearch()) })
        {
            using var folder = new TempFolder();
            File.WriteAllBytes(folder["model.onnx"], bytes);
            text.Append(name).Append(": ").Append(Outcome(() => { OnnxMka.Blocks.BlockDetector.Detect(OnnxMka.Graph.OnnxModel.Load(folder["model.onnx"])); return null; })).Append('\n');
        }

        Golden.Check("Refusals", text.ToString());
    }

    private static string Outcome(Func<FormModel?> load)
    {
        try
        {
            using var form = load();
            return Merging(form!);
        }
        catch (RefusedException e)
        {
            return e.Message;
        }
    }

    private static string Merging(FormModel form)
    {
        try
        {
            OnnxMka.Rewriting.ModelRewriter.Apply(form.Map, form.Merge(1, 2, 0.7));
            return "NOT REFUSED";
        }
        catch (RefusedException e)
        {
            return $"(merging) {e.Message}";
        }
    }
}
