using System.Collections.Immutable;

namespace OnnxMka.Running.Contracts;

/// <summary>Weights of all experts in one tensor: [experts, rows, columns], with a row of scales and of biases for each expert.</summary>
internal static class ExpertContracts
{
    public static Dictionary<string, Action<ContractNode>> All { get; } = new(StringComparer.Ordinal)
    {
        ["com.microsoft.MoE"] = n => Check(n, null, (2, -1, 3), (4, -1, 5), (6, -1, 7)),
        ["com.microsoft.QMoE"] = n => Check(n, n.OneOf("expert_weight_bits", 4, 2, 4, 8), (2, 3, 4), (5, 6, 7), (8, 9, 10)),
    };

    private static void Check(ContractNode n, long? bits, params ReadOnlySpan<(int Weight, int Scales, int Bias)> products)
    {
        var chosen = n.Int("k", 1, least: 1);
        var block = n.Int("block_size", 0, least: 0);
        n.Int("swiglu_fusion", 0, least: 0, most: 2);
        if (!n.OnCpu) return; // kernels of other devices have layouts of their own
        var experts = n.Stored(products[0].Weight) is { Shape: [var first, ..] } ? first : (long?)null;
        n.Demand(experts is null || chosen is null || chosen <= experts, $"k is {chosen} of {experts} experts");
        n.Demand(
            n.Width(1) is not { } scored || experts is null || scored == experts,
            $"{n.Width(1)} experts are scored and there are {experts}");
        foreach (var (weight, scales, bias) in products)
        {
            n.Rank(weight, "a weight", 3);
            if (n.Stored(weight) is not { Shape: [var count, var rows, var columns] }) continue;
            n.Demand(count == experts, $"a weight has {count} experts and the first has {experts}");
            // Older files have weights the other way round: their columns, packed, are the rows of the product.
            var turned = columns * (bits is { } b ? 8 / b : 1);
            if (n.Stored(bias) is { } biases) Rows(n, "a bias", biases.Shape, count, rows, turned);
            n.Demand(scales < 0 || n.Has(scales), "a weight has no scales");
            if (scales >= 0 && n.Stored(scales) is { } scale) Scales(n, scale.Shape, count, rows, turned, block);
        }
    }

    private static void Rows(ContractNode n, string name, ImmutableArray<long> shape, long count, long rows, long turned) =>
        n.Demand(
            shape.Length >= 2 && shape[0] == count && (shape[1] == rows || shape[1] == turned),
            $"{name} has the shape [{string.Join(", ", shape)}] beside a weight of {count} experts with {rows} rows");

    private static void Scales(ContractNode n, ImmutableArray<long> shape, long count, long rows, long turned, long? block)
    {
        Rows(n, "a tensor of scales", shape, count, rows, turned);
        if (shape.Length == 2 || block is not > 0) return;
        var elements = shape[1] == rows ? turned : rows;
        var blocks = (elements + block.Value - 1) / block.Value;
        n.Demand(
            shape is [_, _, var last] && last == blocks,
            $"a tensor of scales has the shape [{string.Join(", ", shape)}], and block_size {block} asks for {blocks} scales a row");
    }
}
