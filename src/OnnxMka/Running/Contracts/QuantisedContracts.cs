using OnnxMka.Graph;

namespace OnnxMka.Running.Contracts;

/// <summary>Packed weights with their scales and zero points, one for each block of elements.</summary>
internal static class QuantisedContracts
{
    private const int SmallestBlock = 16;

    public static Dictionary<string, Action<ContractNode>> All { get; } = new(StringComparer.Ordinal)
    {
        ["com.microsoft.MatMulNBits"] = NBits,
        ["com.microsoft.MatMulBnb4"] = Bnb4,
        ["com.microsoft.GatherBlockQuantized"] = Gathered,
        ["DequantizeLinear"] = Linear,
        ["com.microsoft.DequantizeLinear"] = Linear,
        ["QuantizeLinear"] = Linear,
        ["com.microsoft.QuantizeLinear"] = Linear,
    };

    private static void NBits(ContractNode n)
    {
        var columns = n.Int("K", null, least: 1);
        var rows = n.Int("N", null, least: 1);
        var bits = n.Int("bits", 4, least: 2, most: 8);
        var block = BlockOf(n);
        if (columns is not { } k || rows is not { } r || bits is not { } b || block is not { } size) return;
        var blocks = ((k - 1) / size) + 1;
        n.Holds(1, "the weight", r * blocks * (size * b / 8));
        n.Holds(2, "scales", r * blocks);
        // Packed zero points fill whole bytes in each row; those of the scales' type stand alone.
        n.Holds(3, "zero_points", n.Stored(3)?.Type == ElementType.UInt8 ? r * (((blocks * b) + 7) / 8) : r * blocks);
        n.Holds(4, "g_idx", k);
        n.Holds(5, "the bias", r);
        n.Demand(n.Width(0) is null || n.Width(0) == k, $"K is {k} and the input has {n.Width(0)} columns");
    }

    private static void Bnb4(ContractNode n)
    {
        var columns = n.Int("K", null, least: 1);
        var rows = n.Int("N", null, least: 1);
        var block = BlockOf(n);
        n.Int("quant_type", null, least: 0, most: 1);
        n.Holds(1, "the weight", ((columns * rows) + 1) / 2);
        n.Holds(2, "absmax", ((columns * rows) + block - 1) / block);
    }

    private static void Gathered(ContractNode n)
    {
        var block = BlockOf(n, 128);
        var bits = n.Int("bits", 4, least: 2, most: 8);
        if (n.Stored(0) is not { Shape: var data } table) return;
        n.Demand(data.Length > 0, "the table has no dimensions");
        n.Axis("gather_axis", 0, data.Length);
        var axis = n.Axis("quantize_axis", 1, data.Length);
        if (axis is not { } quantised || block is not { } size || bits is not { } b) return;
        // Bytes hold several elements along the last axis.
        var packed = table.Type == ElementType.UInt8 ? 8 / b : 1;
        long?[] scales = [.. data.Select((dim, i) =>
        {
            var elements = i == data.Length - 1 ? dim * packed : dim;
            return (long?)(i == quantised ? (elements + size - 1) / size : elements);
        })];
        n.Fits(2, "scales", scales);
        n.Rank(3, "zero_points", data.Length);
    }

    private static void Linear(ContractNode n)
    {
        var block = n.Int("block_size", 0, least: 0);
        if (n.Shape(1) is not { } scales || scales is [] or [1]) return;
        n.Fits(2, "the zero point", [.. scales]);
        if (n.Shape(0) is not { } input) return;
        n.Demand(input.Length > 0, "a single number has several scales");
        if (n.Axis("axis", 1, input.Length) is not { } axis) return;
        if (scales is [{ } count] && block is 0 && input[axis] is { } slices)
            n.Demand(count == slices, $"there are {count} scales for {slices} slices along axis {axis}");
        if (scales.Length > 1) n.Rank(1, "the scale", input.Length);
    }

    private static long? BlockOf(ContractNode n, long? fallback = null)
    {
        var block = n.Int("block_size", fallback, least: SmallestBlock);
        n.Demand(block is not { } size || long.IsPow2(size), $"block_size is {block} and must be a power of two");
        return block;
    }
}
