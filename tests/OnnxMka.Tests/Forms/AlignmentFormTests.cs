using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Forms;

/// <summary>In every form: a block with its neurons or heads in reverse computes the same, or is refused.</summary>
public sealed class AlignmentFormTests
{
    public static TheoryData<string, AlignUnits> Cases
    {
        get
        {
            var cases = new TheoryData<string, AlignUnits>();
            foreach (var preset in Presets.Accepted.Where(p => p.Name != nameof(LlamaPresets.IfMergedOptimum)))
            {
                cases.Add(preset.Name, AlignUnits.Mlp);
                if (preset.Spec.Blocks[1].Mixer == MixerKind.Attention) cases.Add(preset.Name, AlignUnits.Heads);
            }

            return cases;
        }
    }

    /// <summary>
    /// Blocks that cannot be merged are refused, and so are those whose units hide: inside a function, in several experts, or without a
    /// cache that tells the heads (none, or one a head). All others compute the same with one layout; that of GPT-NeoX is the control: with
    /// the other it does not.
    /// </summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Another_order_computes_the_same_or_is_refused(string name, AlignUnits units)
    {
        using var form = new FormModel(Presets.ByName(name).Model());
        var block = form.Map.Blocks[1];
        var view = NormalisedView.Of(form.Map.Model);
        var headless = name is nameof(LlamaPresets.TorchScriptLlamaNoCache) or nameof(HybridPresets.PerHeadCaches);
        var hidden = name == nameof(LlamaPresets.DynamoLocalFunctions) || (headless && units == AlignUnits.Heads);
        if (hidden || (block.MergeObstacle is not null && !Finds(form.Map, view, block, units)))
        {
            Assert.Equal("MKA058", Assert.Throws<RefusedException>(() => InnerUnits.Of(form.Map, view, block, units)).Refusal.Code);
            return;
        }

        var count = InnerUnits.Of(form.Map, view, block, units).Count;
        var perHead = name == nameof(TopologyPresets.GptNeoX) && units == AlignUnits.Heads;
        foreach (var (layout, same) in perHead
            ? new[] { (PackedLayout.Sections, false), (PackedLayout.Interleaved, true) }
            : [(PackedLayout.Sections, true)])
        {
            var order = new BlockPermutation(1, units, layout, [.. Enumerable.Range(0, count).Reverse()]);
            var (difference, tolerance) = form.Compare(form.Drop() with { Permutations = [order] }, form.Without());
            Assert.True(difference <= tolerance == same, $"{layout}: {difference:e2}, at most {tolerance:e2}");
        }
    }

    private static bool Finds(BlockMap map, NormalisedView view, Block block, AlignUnits units) =>
        UnitWalk.All(map, view, block).Count(w => w.IsAttention == (units == AlignUnits.Heads)) == 1;
}
