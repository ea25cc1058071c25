namespace OnnxMka.Forge;

/// <summary>
/// Reshapes between [batch, sequence, heads * size] and [batch, heads, sequence, size], with the shape arithmetic that the form asks for.
/// </summary>
internal sealed class Heads(GraphWriter g, SharedValues shared)
{
    /// <summary>[batch, sequence, heads, size]</summary>
    public string Split(string x, int heads, int size) => g.Op("Reshape", [x, Shape(x, heads, size)]);

    /// <summary>[batch, heads, sequence, size] from [batch, sequence, heads, size], and back.</summary>
    public string Swap(string x) => g.Transpose(x, 0, 2, 1, 3);

    /// <summary>[batch, sequence, width] from [batch, heads, sequence, size]</summary>
    public string Merge(string x, int width)
    {
        var swapped = Swap(x);
        return g.Op("Reshape", [swapped, Shape(swapped, width)]);
    }

    /// <summary>Each of the key/value heads as often as query heads share it: [batch, heads, length, size].</summary>
    public string Repeat(string x, int kvHeads, int heads, int size)
    {
        if (kvHeads == heads) return x;
        var times = heads / kvHeads;
        if (g.Form.Shapes != ShapeForm.PerLayerChains)
        {
            var wide = g.Op("Expand", [g.Unsqueeze(x, 2), g.Ints(1, 1, times, 1, 1)]);
            return g.Op("Reshape", [wide, g.Ints(0, heads, -1, size)]);
        }

        var (batch, length) = (Size(x, 0), Size(x, 2));
        var expanded = g.Op(
            "Expand", [g.Unsqueeze(x, 2), g.Op("Concat", [batch, Size(x, 1), g.Ints(times), length, Size(x, 3)], ("axis", 0))]);
        var allHeads = g.Unsqueeze(g.Op("Mul", [g.Dimension(x, 1), g.Int(times)]), 0);
        return g.Op("Reshape", [expanded, g.Op("Concat", [batch, allHeads, length, Size(x, 3)], ("axis", 0))]);
    }

    private string Shape(string x, params ReadOnlySpan<long> tail)
    {
        switch (g.Form.Shapes)
        {
            case ShapeForm.Constants:
                return g.Ints([0, 0, .. tail]);
            case ShapeForm.SharedSizes:
                return g.Op("Concat", [shared.Batch, shared.Length, g.Ints(tail)], ("axis", 0));
            default:
                List<string> parts = [Size(x, 0), Size(x, 1)];
                foreach (var size in tail) parts.Add(g.Ints(size));
                return g.Op("Concat", [.. parts], ("axis", 0));
        }
    }

    private string Size(string x, long axis) => g.Unsqueeze(g.Dimension(x, axis), 0);
}
