using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>Where caches are fed, a block has as many outputs as inputs; elsewhere all blocks have equally many outputs.</summary>
internal static class UnpairedPorts
{
    /// <summary>Refuses a block with ports that come without a partner, naming the first of them and what it is.</summary>
    public static void Refuse(BlockMap map)
    {
        var blocks = map.Blocks;
        var feeds = blocks.Any(b => b.KvInputs.Length > 0);
        var usual = blocks.GroupBy(b => b.KvOutputs.Length).MaxBy(g => g.Count())!.Key;
        if (blocks.FirstOrDefault(b => b.KvOutputs.Length != (feeds ? b.KvInputs.Length : usual)) is not { } block) return;
        var port = Alone(map, block) ?? Rarest(map, block);
        if (block.KvInputs.Length > block.KvOutputs.Length && block.KvInputs.Any(p => p.Name == port)) throw Input(map, block, port);
        throw Output(block, port, feeds, usual);
    }

    private static RefusedException Input(BlockMap map, Block block, string port)
    {
        var alike = map.Blocks.Count(b => b.KvInputs.Any(p => PortOrder.Pattern(p.Name) == PortOrder.Pattern(port)));
        var where = alike == 1 ? $"block {block.Index} alone" : $"block {block.Index} ({alike} blocks have such an input)";
        if (GraphIndex.Of(map.Model.Graph).Readers(port).Any(r => r.Slot == 1 && Products.Contains(r.Node.OpType)))
        {
            return new(
                "MKA012", port, $"it feeds weights of {where}, as LoRA adapters do",
                "Export the model with its adapters merged, or with initializers as defaults of these inputs");
        }

        return new(
            "MKA012", port, $"it enters the layers at {where}, and no output belongs to it as to a cache",
            "Models with per-layer inputs or deepstack features are not supported");
    }

    private static RefusedException Output(Block block, string port, bool feeds, int usual)
    {
        var outputs = $"block {block.Index} has {block.KvOutputs.Length} outputs of its own";
        const string Next = "Export the model again, without outputs from between its layers";
        return feeds
            ? new("MKA016", port, $"{outputs} and {block.KvInputs.Length} cache inputs, and this one belongs to none of these", Next)
            : new("MKA016", port, $"{outputs}, and most blocks have {usual}", Next);
    }

    /// <summary>
    /// The first port, of the side that has more, that no port of the other side goes with; null where shapes do not tell.
    /// </summary>
    private static string? Alone(BlockMap map, Block block)
    {
        var inputs = Of(map.Model.Graph.Inputs, block.KvInputs);
        var outputs = Of(map.Model.Graph.Outputs, block.KvOutputs);
        var (more, fewer) = inputs.Count > outputs.Count ? (inputs, outputs) : (outputs, inputs);
        // Exporters may leave sizes of outputs open that inputs have.
        foreach (var open in new[] { false, true })
        {
            var partners = fewer.ToList();
            var alone = more.Where(
                port => partners.FindIndex(p => MayPair(p, port, open)) is var partner
                    && (partner < 0 || !Taken(partners, partner))).ToArray();
            if (alone.Length == more.Count - fewer.Count) return alone[0].Name;
        }

        return null;

        static bool Taken(List<ValueInfo> ports, int place)
        {
            ports.RemoveAt(place);
            return true;
        }

        static List<ValueInfo> Of(IEnumerable<ValueInfo> all, IEnumerable<KvPort> ports) =>
            [.. ports.Select(p => all.First(v => v.Name == p.Name))];
    }

    /// <summary>What goes in and comes out of one cache has one type, one rank, and the same fixed sizes; only its length grows.</summary>
    /// <param name="open">A size that one side leaves open goes with any of the other.</param>
    private static bool MayPair(ValueInfo a, ValueInfo b, bool open)
    {
        if (a.Type != b.Type || a.Dimensions is null || b.Dimensions is null) return a.Type == b.Type;
        return a.Rank == b.Rank && a.Dimensions.Zip(b.Dimensions).All(d => (IsFixed(d.First), IsFixed(d.Second)) switch
        {
            (true, true) => d.First == d.Second,
            (false, false) => true,
            _ => open,
        });
    }

    private static bool IsFixed(string dimension) => long.TryParse(dimension, out _);

    /// <summary>The port of the block whose name is least like those of other blocks.</summary>
    private static string Rarest(BlockMap map, Block block)
    {
        var known = map.Blocks.SelectMany(b => b.KvInputs.Concat(b.KvOutputs)).CountBy(p => PortOrder.Pattern(p.Name)).ToDictionary();
        return block.KvInputs.Concat(block.KvOutputs).MinBy(p => known[PortOrder.Pattern(p.Name)])?.Name ?? $"block {block.Index}";
    }
}
