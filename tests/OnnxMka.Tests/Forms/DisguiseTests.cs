using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Rewriting;

namespace OnnxMka.Tests.Forms;

/// <summary>
/// The same graphs written in ways that no exporter's form covers: rewritten as before, or refused with the right reason.
/// </summary>
public sealed class DisguiseTests
{
    private static readonly Dictionary<string, Func<byte[], byte[]>> _disguises = new(StringComparer.Ordinal)
    {
        [nameof(Disguises.ConstantAttributes)] = Disguises.ConstantAttributes,
        [nameof(Disguises.Dropouts)] = Disguises.Dropouts,
        [nameof(Disguises.Identities)] = Disguises.Identities,
        [nameof(Disguises.IdleCasts)] = Disguises.IdleCasts,
        [nameof(Disguises.Sums)] = Disguises.Sums,
        [nameof(Disguises.FlatMatrices)] = Disguises.FlatMatrices,
        [nameof(Disguises.Shuffled)] = Disguises.Shuffled,
        [nameof(Disguises.SlicedCaches)] = Disguises.SlicedCaches,
        [nameof(Disguises.SecondHead)] = Disguises.SecondHead,
        [nameof(Disguises.NextToken)] = Disguises.NextToken,
    };

    private static readonly Preset[] _presets =
    [
        LlamaPresets.TorchScriptCombinedPast,
        LlamaPresets.TorchScriptLlamaNoCache,
        TopologyPresets.GptNeoX,
    ];

    public static IEnumerable<object[]> All => _presets.SelectMany(p => _disguises.Keys.Select(d => new object[] { p.Name, d }));

    [Theory]
    [MemberData(nameof(All))]
    public void A_disguise_changes_neither_the_blocks_nor_what_a_rewrite_gives(string preset, string disguise)
    {
        var built = Presets.ByName(preset).Model();
        using var plain = new FormModel(built);
        using var form = new FormModel(built, _disguises[disguise]);
        Assert.Equal(
            plain.Map.Blocks.Select(b => (b.Kind, b.Parameters.Length)), form.Map.Blocks.Select(b => (b.Kind, b.Parameters.Length)));
        Assert.Equal(plain.Map.Blocks.SelectMany(b => b.KvInputs), form.Map.Blocks.SelectMany(b => b.KvInputs));
        var last = form.BlockCount - 1;
        foreach (var blocks in new int[][] { [0], [1, 2], [last] })
        {
            var (difference, tolerance) = form.Compare(form.Drop(blocks), form.Without(blocks));
            Assert.True(difference <= tolerance, $"without {string.Join(',', blocks)}: {difference:e2}, at most {tolerance:e2}");
        }

        var merged = form.Compare(form.Merge(1, 2, 0.7), form.Merged(1, 2, 0.7));
        Assert.True(merged.Difference <= merged.Tolerance, $"merged: {merged.Difference:e2}, at most {merged.Tolerance:e2}");
        // The control: without the wrong block the logits are others.
        Assert.True(form.Compare(form.Drop(1), form.Without(last)).Difference > merged.Tolerance);
    }

    [Theory]
    [InlineData(nameof(QuantisedPresets.QdqInt4))]
    [InlineData(nameof(QuantisedPresets.QdqUInt4ZeroPoints))]
    public void Packed_weights_that_are_listed_as_inputs_are_analysed_and_dropped(string preset)
    {
        var built = Presets.ByName(preset).Model();
        using var plain = new FormModel(built);
        using var form = new FormModel(built, Disguises.Shuffled);
        Assert.Contains(form.Map.Model.Graph.Inputs, i => i.Type is ElementType.UInt4 or ElementType.Int4);
        Assert.Equal(Logits(plain), Logits(form));
        var (difference, tolerance) = form.Compare(form.Drop(1), form.Without(1));
        Assert.True(difference <= tolerance, $"{difference:e2}, at most {tolerance:e2}");

        static float[] Logits(FormModel form)
        {
            using var session = OnnxMka.Running.Sessions.DecoderSession.Load(form.Map, OnnxMka.Running.Sessions.ExecutionTarget.Cpu);
            return session.Logits(form.Tokens, 1);
        }
    }

    [Fact]
    public void Names_of_ports_decide_nothing()
    {
        var built = LlamaPresets.TorchScriptLlama.Model();
        using var plain = new FormModel(built);
        var number = 0;
        var names = plain.Map.Model.Graph.Outputs.Select(o => o.Name).ToDictionary(
            n => n, n => n == "logits" ? "scores" : $"out_{number++}", StringComparer.Ordinal);
        using var form = new FormModel(
            built,
            m => Disguises.Renamed(
                m,
                n => names.TryGetValue(n, out var output)
                    ? output
                    : n == "input_ids"
                    ? "tokens"
                    : n.Replace("past_key_values", "k", StringComparison.Ordinal)));
        Assert.Equal(("tokens", "scores"), (form.Map.TokenInput, form.Map.Logits));
        Assert.Equal(
            plain.Map.Blocks.Select(b => string.Join(' ', b.KvOutputs.Select(p => names[p.Name]))),
            form.Map.Blocks.Select(b => string.Join(' ', b.KvOutputs.Select(p => p.Name))));
        var left = ModelRewriter.Apply(form.Map, form.Drop(1)).Model.Graph;
        Assert.Equal(["scores", "out_0", "out_1", "out_2", "out_3", "out_4", "out_5"], left.Outputs.Select(o => o.Name));
        Assert.Equal(ModelRewriter.Apply(plain.Map, plain.Drop(1)).Model.Graph.Nodes.Count, left.Nodes.Count);
    }

    [Fact]
    public void What_crosses_the_layers_is_refused_with_its_reason()
    {
        var built = LlamaPresets.TorchScriptLlama.Model();
        using var plain = new FormModel(built);
        var text = new System.Text.StringBuilder();
        Refused("EarlyExit", built, m => Disguises.EarlyExit(m, plain.Map.Blocks[1].Output.Value));
        Refused("StackedKeys", built, Disguises.StackedKeys);
        // The name of the port does not say that an encoder is behind it.
        Refused(
            "EncoderStates",
            RefusedPresets.EncoderDecoder.Model(),
            m => Disguises.Renamed(m, n => n == "encoder_hidden_states" ? "audio" : n));
        Refused("CrossCache", built, m => Disguises.Renamed(m, n => n == "past_key_values.0.key" ? "past_key_cross_0" : n));
        Golden.Check("Crossing", text.ToString());

        void Refused(string name, DecoderModel model, Func<byte[], byte[]> disguise) =>
            text.Append(name)
                .Append(": ")
                .Append(Assert.Throws<RefusedException>(() => new FormModel(model, disguise)).Message)
                .Append('\n');
    }
}
