using System.Collections.Immutable;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Structure;

/// <summary>Names of cache ports before and after blocks go: blocks stand between bars, removed ones in brackets.</summary>
public sealed class PortNumbersTests
{
    [Theory]
    // By layer, with and without other kinds of state; from 1 on; behind a number that is none of a layer.
    [InlineData("past.0.k past.0.v | [past.1.k past.1.v] | past.2.k past.2.v", "past.0.k past.0.v | past.1.k past.1.v")]
    [InlineData("conv.0 | conv.1 | [past.2.key] | conv.3 | past.4.key", "conv.0 | conv.1 | conv.2 | past.3.key")]
    [InlineData("past.1 | [past.2] | past.3", "past.1 | past.2")]
    [InlineData("v2.conv.0 | [v2.conv.1] | v2.past.2.key | v2.conv.3", "v2.conv.0 | v2.past.1.key | v2.conv.2")]
    [InlineData("past_008 | [past_009] | past_010", "past_008 | past_009")]
    // Layers without a state count, too: each takes its numbers along.
    [InlineData("p.0.conv p.0.ssm | [p.2.conv p.2.ssm] | p.4.conv p.4.ssm | p.6.key", "p.0.conv p.0.ssm | p.2.conv p.2.ssm | p.4.key")]
    [InlineData("p.1.key | p.2.key | [p.5.key] | p.6.key | p.8.key", "p.1.key | p.2.key | p.5.key | p.7.key")]
    [InlineData("[p.0.conv] | p.3.key | p.4.conv", "p.0.key | p.1.conv")]
    // Each kind has its own count; or attention counts layers and the others their kind.
    [InlineData("conv.0 | [past.0.key] | conv.1 | past.1.key | conv.2", "conv.0 | conv.1 | past.0.key | conv.2")]
    [InlineData("conv.0 | past.1.key | [conv.1] | past.3.key | conv.2", "conv.0 | past.1.key | past.2.key | conv.1")]
    [InlineData("conv.0 | conv.1 | [conv.2] | past.0.key", "conv.0 | conv.1 | past.0.key")]
    // Heads; layers in two places.
    [InlineData("k_0_h0 k_0_h1 | [k_1_h0 k_1_h1] | k_2_h0 k_2_h1", "k_0_h0 k_0_h1 | k_1_h0 k_1_h1")]
    [InlineData("conv_0 | [conv_1] | k_2_h0 k_2_h1", "conv_0 | k_1_h0 k_1_h1")]
    [InlineData("layers.0.past_0 | [layers.1.past_1] | layers.2.past_2", "layers.0.past_0 | layers.1.past_1")]
    // Every port counts: block by block, all keys before all values, or all of one kind before the next.
    [InlineData("in_0 | [in_1 in_2] | in_3 in_4 | in_5", "in_0 | in_1 in_2 | in_3")]
    [InlineData("k_0 v_3 | [k_1 v_4] | k_2 v_5", "k_0 v_2 | k_1 v_3")]
    [InlineData("conv_0 | kv_3 | [conv_1] | kv_4 | conv_2", "conv_0 | kv_2 | kv_3 | conv_1")]
    // Nothing that counts.
    [InlineData("past_a | [past_b] | past_c", "past_a | past_c")]
    // What comes before the removed block keeps its name, whatever it counts.
    [InlineData("p.3.key | p.9.conv p.4.ssm | [p.11.key]", "p.3.key | p.9.conv p.4.ssm")]
    public void A_port_keeps_its_kind_and_takes_the_number_that_is_then_its_own(string before, string after) =>
        Assert.Equal(after, Without(before));

    [Theory]
    [InlineData("p.3.key | [p.11.conv] | p.4.key")]
    [InlineData("conv.0 | [past.7.key] | conv.1 | past.9.key")]
    public void Numbers_that_count_nothing_known_are_refused(string before)
    {
        var refusal = Assert.Throws<RefusedException>(() => Without(before)).Refusal;
        Assert.Equal("MKA016", refusal.Code);
    }

    [Theory]
    [InlineData("p.0.conv p.0.ssm | p.2.conv p.2.ssm | p.6.key", "0 2 6")]
    [InlineData("k_0_h0 k_0_h1 | k_1_h0 k_1_h1", "0 1")]
    [InlineData("conv.0 | past.0.key | conv.1", "")]
    public void Numbers_that_run_through_all_layers_tell_the_layers_of_the_source(string ports, string layers) =>
        Assert.Equal(layers, string.Join(' ', PortNumbers.Of(Blocks(ports), b => b.KvInputs).SourceLayers.Values));

    [Theory]
    [InlineData("past.0.key past.0.value", "past.#.key past.#.value")]
    [InlineData("v2.past.0.key | v2.past.1.key", "v2.past.#.key")]
    [InlineData("k_0_h0 k_0_h1 | k_1_h0 k_1_h1", "k_#_h0 k_#_h1")]
    public void A_kind_is_a_name_without_its_number(string ports, string kinds)
    {
        var numbers = PortNumbers.Of(Blocks(ports), b => b.KvInputs);
        Assert.Equal(kinds, string.Join(' ', Blocks(ports)[0].KvInputs.Select(p => numbers.KindOf(p.Name))));
    }

    private static string Without(string ports)
    {
        var parts = ports.Split('|');
        var blocks = Blocks(ports);
        int[] kept = [.. Enumerable.Range(0, parts.Length).Where(i => !parts[i].Contains('[', StringComparison.Ordinal))];
        var places = kept.Select((b, place) => (b, place)).ToDictionary(k => k.b, k => k.place);
        var names = PortNumbers.Of(blocks, b => b.KvInputs).Renumbered(places).ToDictionary();
        return string.Join(" | ", kept.Select(b => string.Join(' ', Names(blocks[b]).Select(p => names.GetValueOrDefault(p, p)))));
    }

    private static Block[] Blocks(string ports) => [.. ports.Split('|').Select((block, i) => new Block(
        i, 0, 0, null, [], [], [.. Split(block).Select((p, slot) => new KvPort(p, slot))], [], new Seam("", null), new Seam("", null)))];

    private static string[] Split(string block) => block.Split([' ', '[', ']'], StringSplitOptions.RemoveEmptyEntries);

    private static IEnumerable<string> Names(Block block) => block.KvInputs.Select(p => p.Name);
}
