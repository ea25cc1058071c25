using System.Collections.Immutable;
using OnnxMka.Forge;
using OnnxMka.Rewriting;
using OnnxMka.Structure;
using OnnxMka.Tests.Forms;

namespace OnnxMka.Tests.Rewriting;

/// <summary>Lengths that are read from a removed cache are then read from one that is always as long, or the removal is refused.</summary>
public sealed class CacheHeirTests
{
    private static readonly Preset _sliding = HybridPresets.SlidingCaches;

    public static TheoryData<LengthSymbols, CacheCut, LengthSource> Lengths => new()
    {
        { LengthSymbols.Own, CacheCut.Client, LengthSource.Mask },
        { LengthSymbols.Own, CacheCut.Graph, LengthSource.Present },
        { LengthSymbols.Shared, CacheCut.Graph, LengthSource.Past },
        { LengthSymbols.None, CacheCut.Graph, LengthSource.Mask },
    };

    /// <summary>Twelve tokens are more than twice what the caches with a window keep; positions come from a whole one.</summary>
    [Theory]
    [MemberData(nameof(Lengths))]
    public void Whole_caches_stand_in_for_whole_ones_and_cut_ones_for_cut_ones(LengthSymbols symbols, CacheCut cut, LengthSource length)
    {
        using var form = new FormModel(With(_sliding, f => f with { Symbols = symbols, Cut = cut, Length = length }));
        foreach (var blocks in new int[][] { [1], [0, 1], [0, 3] })
        {
            var (difference, tolerance) = form.Compare(form.Drop(blocks), form.Without(blocks));
            Assert.True(difference <= tolerance, $"without {string.Join(',', blocks)}: {difference:e2}, at most {tolerance:e2}");
        }
    }

    /// <summary>The control: with the length of a cut cache in the place of a whole one's the logits are others.</summary>
    [Fact]
    public void A_cut_cache_in_the_place_of_a_whole_one_shows()
    {
        var built = With(_sliding, f => f with { Length = LengthSource.Mask });
        using var form = new FormModel(built);
        var (cut, whole) = (form.Map.Blocks[0].KvInputs[0].Name, form.Map.Blocks[1].KvInputs[0].Name);
        var reader = form.Map.Model.Graph.Nodes.Single(n => n.OpType == "Shape" && n.Inputs[0] == whole);
        using var wrong = new FormModel(built, m => Disguises.Reading(m, reader.Name, cut));
        var (difference, tolerance) = wrong.Compare(wrong.Drop(5), wrong.Without(5));
        Assert.True(difference > tolerance);
    }

    [Fact]
    public void Ports_of_one_kind_have_one_number_and_those_of_others_another()
    {
        Assert.Equal("0 1 | 2 3 | 0 1 | 2 3 | 0 1 | 2 3", Kinds(_sliding));
        Assert.Equal("0 | 0 | 1 2 | 0 | 1 2 | 0", Kinds(HybridPresets.ConvolutionHybrid));
        Assert.Equal("0 1 | 0 1 | 0 1 | 2 3 | 0 1 | 2 3", Kinds(HybridPresets.SourceLayerHybrid));
        // Windows in the mask over whole caches make no kinds of caches.
        Assert.Equal("0 1 | 0 1 | 0 1 | 0 1 | 0 1 | 0 1", Kinds(MixedPresets.SlidingAlternating));
        Assert.Equal("0 1 | 0 1 | 0 1 | 0 1 | 0 1 | 0 1", Kinds(MixedPresets.TorchScriptSliding));
        Assert.Equal("0 1 | 0 1 | 0 1 | 0 1", Kinds(TopologyPresets.GenAiGemma2));
        Assert.Equal("0 | 0 | 0 | 0", Kinds(LayerNormPresets.Gpt2OrtFused));
    }

    [Fact]
    public void Without_a_cache_of_the_kind_the_removal_is_refused_with_what_is_true()
    {
        var text = new System.Text.StringBuilder();
        Refused("whole caches", _sliding, f => f, 1, 3, 5);
        Refused("convolutions are left", HybridPresets.ConvolutionHybrid, f => f, 2, 4);
        // Nothing tells how long the caches are, so only blocks alike in all else have caches alike.
        Refused("no symbols", _sliding, f => f with { Symbols = LengthSymbols.None }, 1, 3, 5);
        Refused("computed behind", Whole, f => f with { Symbols = LengthSymbols.None, Length = LengthSource.Present }, 0);
        Golden.Check("CacheHeir", text.ToString());

        void Refused(string name, Preset preset, Func<GraphForm, GraphForm> change, params int[] blocks)
        {
            using var form = new FormModel(With(preset, change));
            var refusal = Assert.Throws<RefusedException>(() => ModelRewriter.Apply(form.Map, form.Drop(blocks)));
            text.Append(name).Append(": ").Append(refusal.Message).Append('\n');
        }
    }

    /// <summary>Blocks with a window between others, over whole caches.</summary>
    private static Preset Whole => _sliding with
    {
        Spec = _sliding.Spec with { Blocks = [.. Enumerable.Range(0, 4).Select(i => new BlockSpec { Window = i == 1 ? 5 : 0 })] },
    };

    private static DecoderModel With(Preset preset, Func<GraphForm, GraphForm> change) =>
        (preset with { Spec = preset.Spec with { Form = change(preset.Spec.Form) } }).Model();

    /// <summary>Kinds of each block's inputs in order of appearance; outputs fall into kinds in the same way.</summary>
    private static string Kinds(Preset preset)
    {
        using var form = new FormModel(preset.Model());
        Assert.Equal(Side(b => b.KvInputs), Side(b => b.KvOutputs));
        return Side(b => b.KvInputs);

        string Side(Func<Block, ImmutableArray<KvPort>> side)
        {
            var order = form.Map.Blocks.SelectMany(b => side(b)).Select(p => p.Kind).Distinct().ToList();
            return string.Join(" | ", form.Map.Blocks.Select(b => string.Join(' ', side(b).Select(p => order.IndexOf(p.Kind)))));
        }
    }
}
