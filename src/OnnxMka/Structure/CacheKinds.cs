using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>
/// Tells caches of one kind from others: the name without the layer's number, element type, sizes and symbols of the shape, and how the
/// state grows in its block. Keys of full attention, of attention with a window of its own, and convolution states are three kinds; what
/// holds of the length of one cache holds of all of its kind.
/// </summary>
internal static class CacheKinds
{
    /// <summary>The blocks, with the kinds of their ports: 0, 1, 2 in order of appearance.</summary>
    public static ImmutableArray<Block> Tell(ImmutableArray<Block> blocks, OnnxGraph graph, StateGrowth growth)
    {
        var kinds = new Dictionary<string, int>(StringComparer.Ordinal);
        var inputs = new Side(blocks, b => b.KvInputs, graph.Inputs);
        var outputs = new Side(blocks, b => b.KvOutputs, graph.Outputs);
        return [.. blocks.Select(block => block with
        {
            KvInputs = [.. block.KvInputs.Select(p => p with { Kind = Number($"in {inputs.Form(p, block)} {GrowthOf(p, block)}") })],
            KvOutputs = [.. block.KvOutputs.Select(p => p with { Kind = Number($"out {outputs.Form(p, block)} {growth.Of(p.Name)}") })],
        })];

        string GrowthOf(KvPort input, Block block)
        {
            var states = block.KvInputs.Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
            var grown = block.KvOutputs.Where(o => growth.Sources(o.Name, states).Contains(input.Name));
            return string.Join(',', grown.Select(o => growth.Of(o.Name)).Distinct().Order());
        }

        int Number(string kind)
        {
            if (!kinds.TryGetValue(kind, out var number)) kinds[kind] = number = kinds.Count;
            return number;
        }
    }

    /// <summary>Inputs or outputs of all blocks.</summary>
    private sealed class Side
    {
        private readonly PortNumbers _numbers;
        private readonly Dictionary<string, ValueInfo> _ports;
        private readonly bool _symbolsTell;

        public Side(ImmutableArray<Block> blocks, Func<Block, ImmutableArray<KvPort>> side, IEnumerable<ValueInfo> ports)
        {
            _numbers = PortNumbers.Of(blocks, side);
            var names = blocks.SelectMany(b => side(b).Select(p => p.Name)).ToHashSet(StringComparer.Ordinal);
            _ports = ports.Where(p => names.Contains(p.Name)).ToDictionary(p => p.Name, StringComparer.Ordinal);
            // Keys and values of a block are equally long: where their symbols differ, symbols are names and tell nothing.
            _symbolsTell = blocks.SelectMany(b => side(b).Select(p => _ports[p.Name]).GroupBy(Sizes))
                .All(alike => alike.Select(Symbols).Distinct(StringComparer.Ordinal).Count() == 1);
        }

        /// <summary>
        /// What the port says of itself. Where it says nothing of its length, only blocks that are alike in everything have caches alike.
        /// </summary>
        public string Form(KvPort port, Block block)
        {
            var info = _ports[port.Name];
            var isTold = _symbolsTell && info.Dimensions is { } all && all.All(d => d.Length > 0 && !IsNamedAfter(d, port));
            var shape = isTold ? string.Join(',', info.Dimensions!) : $"{Sizes(info)}; block {block.Kind}";
            return $"{_numbers.KindOf(port.Name)} {info.Type} [{shape}]";
        }

        private static bool IsNamedAfter(string dimension, KvPort port) => dimension.Contains(port.Name, StringComparison.Ordinal);

        private static string Sizes(ValueInfo port) => string.Join(',', port.Dimensions?.Select(d => IsSize(d) ? d : "?") ?? ["none"]);

        private static string Symbols(ValueInfo port) => string.Join(',', port.Dimensions?.Where(d => !IsSize(d)) ?? []);

        private static bool IsSize(string dimension) => long.TryParse(dimension, out _);
    }
}
