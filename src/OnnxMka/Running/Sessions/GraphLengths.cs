using OnnxMka.Graph;
using OnnxMka.Structure;

namespace OnnxMka.Running.Sessions;

/// <summary>Numbers of tokens that a graph shows as constants.</summary>
/// <param name="Window"> The largest at which it may begin to compute something else: windows of attention, caches that keep so many
/// tokens, lengths that masks are made with; 0 for none. What is checked on fewer tokens than that is not checked. </param>
/// <param name="Positions">Most tokens that a table of positions has rows for, or a few fewer; null for no such table.</param>
/// <param name="Buffer">Most tokens that a cache of fixed size takes; null for none.</param>
/// <param name="AtOnce">Tokens that it reads at once, no more and no fewer; null for any number.</param>
internal sealed record GraphLengths(int Window, int? Positions, int? Buffer, int? AtOnce)
{
    /// <summary>No model has a longer context.</summary>
    private const int Longest = 1 << 24;

    /// <summary>Tables with fewer rows are not of positions.</summary>
    private const int FewestPositions = 16;

    /// <summary>Positions may be counted from another number than 0 (2 in OPT).</summary>
    private const int PositionOffset = 8;

    private static readonly HashSet<string> Arithmetic = new(StringComparer.Ordinal)
    {
        "Add", "Sub", "Div", "Mod", "Min", "Max", "Clip", "Trilu",
    };

    private static readonly HashSet<string> Comparisons = new(StringComparer.Ordinal)
    {
        "Less", "LessOrEqual", "Greater", "GreaterOrEqual",
    };

    private static readonly HashSet<string> Views = new(StringComparer.Ordinal)
    {
        "Identity", "Cast", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Slice",
    };

    public static GraphLengths Of(BlockMap map)
    {
        var index = GraphIndex.Of(map.Model.Graph);
        using var constants = new SmallConstants(index);
        var fromText = Reached(index, [map.TokenInput], throughShapes: false);
        var fromInputs = Reached(index, index.Graph.FedInputs.Select(i => i.Name), throughShapes: true);
        var outsideText = index.Graph.Nodes.Where(n => n.Outputs.Length > 0 && !fromText.Contains(n.Outputs[0]));
        var caches = index.Graph.Inputs.Where(i => map.Blocks.Any(b => b.KvInputs.Any(k => k.Name == i.Name))).ToArray();
        var windows = AllNodes(map.Model).SelectMany(Attributes)
            .Concat(outsideText.SelectMany(n => MaskConstants(n, constants)))
            .Concat(map.Blocks.SelectMany(b => b.KvOutputs).SelectMany(p => Cuts(p.Name, index, constants)))
            .Concat(caches.SelectMany(c => CacheSizes.Of(c, index, written: false)));
        return new GraphLengths(
            windows.Where(w => w is > 1 and < Longest).DefaultIfEmpty(0).Max(),
            index.Order.SelectMany(n => Tables(n, index, fromText, fromInputs)).Select(r => (int?)r).Min(),
            caches.SelectMany(c => CacheSizes.Of(c, index, written: true)).Select(r => (int?)r).Min(),
            AtOnceOf(map));
    }

    /// <summary>Most tokens that can be read, by either limit.</summary>
    public int? Room => Positions is null || Buffer < Positions ? Buffer : Positions;

    /// <summary>The length nearest to that one which windows of text can have.</summary>
    public int Fit(int length) => AtOnce > 1 ? AtOnce.Value : Math.Min(length, Buffer ?? length);

    private static int? AtOnceOf(BlockMap map) =>
        map.Model.Graph.Inputs.First(i => i.Name == map.TokenInput) is { Dimensions: { } dims }
        && dims.Count > (map.TakesEmbeddings ? 1 : 0)
        && int.TryParse(dims[^(map.TakesEmbeddings ? 2 : 1)], out var size) && size > 0 ? size : null;

    private static IEnumerable<OnnxNode> AllNodes(OnnxModel model) =>
        model.Graph.Nodes.Concat(model.Functions.Values.SelectMany(f => f.Nodes));

    private static IEnumerable<int> Attributes(OnnxNode node) =>
        node.Attributes.Values
            .Where(a => a.Name.Contains("window", StringComparison.Ordinal) && a.Int is > 0 and < Longest)
            .Select(a => (int)a.Int);

    /// <summary>Whole numbers that lengths, places and masks are computed with.</summary>
    private static IEnumerable<int> MaskConstants(OnnxNode node, SmallConstants constants)
    {
        if (node.Domain != "" || !(Arithmetic.Contains(node.OpType) || Comparisons.Contains(node.OpType))) yield break;
        foreach (var input in node.Inputs.Where(i => i.Length > 0))
        {
            if (constants.Number(input) is not { } number || !double.IsInteger(number) || Math.Abs(number) >= Longest) continue;
            if (Comparisons.Contains(node.OpType) || constants.IsWhole(input))
                yield return (int)Math.Abs(number);
        }
    }

    /// <summary>The last so many tokens, of those that would be kept.</summary>
    private static IEnumerable<int> Cuts(string present, GraphIndex index, SmallConstants constants)
    {
        var node = index.Producer(present);
        while (node is { Inputs.Length: > 0 } && Views.Contains(node.OpType))
        {
            var start = node.OpType == "Slice" && node.Inputs.Length > 2 ? constants.Number(node.Inputs[1]) : null;
            if (start is < 0 and > -Longest) yield return (int)-start.Value;
            node = index.Producer(node.Inputs[0]);
        }
    }

    /// <summary>Rows of tables that are read by position: places come from inputs, and not from what the tokens say.</summary>
    private static IEnumerable<int> Tables(OnnxNode node, GraphIndex index, HashSet<string> fromText, HashSet<string> fromInputs)
    {
        string[] tables = (node.Domain, node.OpType) switch
        {
            ("com.microsoft", "RotaryEmbedding") => [node.Inputs.ElementAtOrDefault(2) ?? ""],
            ("com.microsoft", "GroupQueryAttention") => [node.Inputs.ElementAtOrDefault(7) ?? ""],
            ("", "RotaryEmbedding") => [node.Inputs.ElementAtOrDefault(1) ?? ""],
            ("com.microsoft", "EmbedLayerNormalization") => [node.Inputs.ElementAtOrDefault(3) ?? ""],
            ("", "Gather") when node.Inputs.Length > 1 && node.Int("axis", 0) == 0 && IsPlace(node.Inputs[1]) => [node.Inputs[0]],
            _ => [],
        };
        foreach (var table in tables)
        {
            var value = table;
            while (index.Producer(value) is { Inputs.Length: > 0 } view && Views.Contains(view.OpType)) value = view.Inputs[0];
            if (!index.Graph.Initializers.TryGetValue(value, out var stored)) continue;
            if (stored.Shape.Length < 2 || !stored.Type.IsMergeable()) continue;
            var rows = (int)Math.Min(stored.Shape[..^1].Max(), Longest);
            if (rows >= FewestPositions) yield return Math.Max(rows - PositionOffset, FewestPositions);
        }

        bool IsPlace(string value) => fromInputs.Contains(value) && !fromText.Contains(value);
    }

    /// <summary>Values that depend on some inputs.</summary>
    /// <param name="throughShapes">Sizes of what depends on them count, too.</param>
    private static HashSet<string> Reached(GraphIndex index, IEnumerable<string> inputs, bool throughShapes)
    {
        var reached = inputs.ToHashSet(StringComparer.Ordinal);
        foreach (var node in index.Order)
        {
            if (!throughShapes && node.OpType is "Shape" or "Size") continue;
            if (node.Inputs.Concat(node.Captures).Any(reached.Contains)) reached.UnionWith(node.Outputs.Where(o => o.Length > 0));
        }

        return reached;
    }
}
