using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Measuring;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Forms;

/// <summary>Every form that exporters write: found, dropped and merged like the same network built afresh.</summary>
public sealed class FormTests
{
    public static TheoryData<string> Accepted =>
        new(Presets.Accepted.Select(p => p.Name).Where(n => n != nameof(LlamaPresets.IfMergedOptimum)));

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
            Assert.Equal(
                "MKA043", Assert.Throws<RefusedException>(() => OnnxMka.Rewriting.ModelRewriter.Apply(form.Map, plan)).Refusal.Code);
            return;
        }

        if (form.Map.Blocks[left].Kind != form.Map.Blocks[right].Kind)
        {
            Assert.Equal(
                "MKA041", Assert.Throws<RefusedException>(() => OnnxMka.Rewriting.ModelRewriter.Apply(form.Map, plan)).Refusal.Code);
            return;
        }

        var (difference, tolerance) = form.Compare(plan, form.Merged(left, right, 0.7));
        Assert.True(difference <= tolerance, $"{difference:e2}, at most {tolerance:e2}");
        foreach (var (a, b) in new[] { (0, 1), (form.BlockCount - 2, form.BlockCount - 1) }.Where(
            p => form.Map.Blocks[p.Item1].Kind == form.Map.Blocks[p.Item2].Kind))
        {
            (difference, _) = form.Compare(form.Merge(a, b, 0.7), form.Merged(a, b, 0.7));
            Assert.True(difference <= tolerance, $"{a} and {b}: {difference:e2}, at most {tolerance:e2}");
        }

        // The control: another alpha is another model.
        Assert.True(form.Compare(form.Merge(left, right, 0.6), form.Merged(left, right, 0.7)).Difference > tolerance);
    }

    [Theory]
    [MemberData(nameof(Accepted))]
    public void Merging_one_half_equals_building_one_half_merged(string name)
    {
        using var form = new FormModel(Presets.ByName(name).Model());
        var (left, right) = form.Map.Blocks[1].Kind == form.Map.Blocks[2].Kind ? (1, 2) : (1, 3);
        if (form.Map.Blocks[left].MergeObstacle is not null || form.Map.Blocks[left].Kind != form.Map.Blocks[right].Kind) return;
        foreach (var (only, half, other) in new[]
        {
            (MergedHalf.Attention, Sublayer.Attention, Sublayer.Mlp),
            (MergedHalf.Mlp, Sublayer.Mlp, Sublayer.Attention),
        })
        {
            var plan = form.Merge(left, right, 0.7) with { Only = only };
            if (name == nameof(LlamaPresets.DynamoLocalFunctions))
            {
                Assert.Equal(
                    "MKA039", Assert.Throws<RefusedException>(() => OnnxMka.Rewriting.ModelRewriter.Apply(form.Map, plan)).Refusal.Code);
                continue;
            }

            var (difference, tolerance) = form.Compare(plan, form.Merged(left, right, 0.7, half));
            Assert.True(difference <= tolerance, $"{only}: {difference:e2}, at most {tolerance:e2}");
            // The control: the other half is another model.
            Assert.True(form.Compare(plan, form.Merged(left, right, 0.7, other)).Difference > tolerance);
        }
    }

    [Theory]
    [MemberData(nameof(Accepted))]
    public void Removing_nothing_changes_nothing_and_writing_twice_gives_the_same_bytes(string name)
    {
        using var form = new FormModel(Presets.ByName(name).Model());
        var same = OnnxMka.Rewriting.ModelRewriter.Apply(form.Map, form.Drop()).Model;
        Assert.Equal(GraphText.Of(form.Map.Model), GraphText.Of(same));
        var dropped = OnnxMka.Rewriting.ModelRewriter.Apply(form.Map, form.Drop(1)).Model;
        Assert.Equal(FormModel.Written(dropped), FormModel.Written(dropped));
        using var reader = new TensorReader();
        foreach (var (weight, tensor) in form.Map.Model.Graph.Initializers)
            Assert.True(reader.ReadBytes(tensor).AsSpan().SequenceEqual(reader.ReadBytes(same.Graph.Initializers[weight])), weight);
    }

    [Theory]
    [MemberData(nameof(Accepted))]
    public void Merging_equal_blocks_gives_their_weights_bit_for_bit(string name)
    {
        var model = Presets.ByName(name).Model();
        if (model.Spec.Blocks[1] != model.Spec.Blocks[2])
            model = model with { Spec = model.Spec with { Blocks = model.Spec.Blocks.SetItem(2, model.Spec.Blocks[1]) } };
        model = model with { Weights = model.Weights with { Blocks = model.Weights.Blocks.SetItem(2, model.Weights.Blocks[1]) } };
        using var form = new FormModel(model);
        if (form.Map.Blocks[1].MergeObstacle is not null) return;
        var merged = OnnxMka.Rewriting.ModelRewriter.Apply(form.Map, form.Merge(1, 2, 0.62));
        using var reader = new TensorReader();
        foreach (var parameter in merged.Merged)
        {
            Assert.True(
                reader.ReadBytes(form.Map.Tensor(parameter.Kept))
                    .AsSpan()
                    .SequenceEqual(reader.ReadBytes(merged.Model.Graph.Initializers[parameter.Name])),
                parameter.Role);
        }
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
                text.Append(
                    $"  {b.Index} kind {b.Kind}, {b.Nodes.Length} nodes, {b.Parameters.Length} parameters of {form.Map.ParameterBytes(b)} "
                        + $"bytes, ");
                text.Append(
                    $"{string.Join(' ', b.KvInputs.Select(p => p.Name))} -> {string.Join(' ', b.KvOutputs.Select(p => p.Name))}, seam "
                        + $"{b.Output.Value}{(b.Output.IsFused ? " (fused)" : "")}");
                text.Append(b.MergeObstacle is null ? "\n" : $"; its {b.MergeObstacle}\n");
            }
        }

        Golden.Check("Forms", text.ToString());
    }

    [Fact]
    public void What_cannot_be_treated_is_refused_with_a_reason()
    {
        var text = new System.Text.StringBuilder();
        foreach (var preset in Presets.Refused.Append(LlamaPresets.IfMergedOptimum))
            text.Append(preset.Name).Append(": ").Append(Outcome(() => new FormModel(preset.Model()))).Append('\n');
        foreach (var (name, bytes) in new[] { ("Mlp", UnfitGraphs.Mlp()), ("BeamSearch", UnfitGraphs.BeamSearch()) })
        {
            using var folder = new TempFolder();
            File.WriteAllBytes(folder["model.onnx"], bytes);
            text.Append(name)
                .Append(": ")
                .Append(Outcome(() => { OnnxMka.Structure.BlockDetector.Detect(OnnxModel.Load(folder["model.onnx"])); return null; }))
                .Append('\n');
        }

        Golden.Check("Refusals", text.ToString());
    }

    private static string Outcome(Func<FormModel?> load)
    {
        try
        {
            using var form = load();
            CausalityCheck.Refuse(Runners.Whole(8), form!.Map, [.. form.Tokens, .. form.Tokens]);
            return Merging(form);
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
