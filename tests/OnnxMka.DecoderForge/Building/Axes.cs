namespace OnnxMka.Forge;

/// <summary>Operators whose axes moved from attributes to inputs between opsets.</summary>
internal static class Axes
{
    public static string ReduceMean(this GraphWriter g, string x) => g.Form.Opset >= 18
        ? g.Op("ReduceMean", [x, g.Ints(-1)], ("keepdims", 1))
        : g.Op("ReduceMean", [x], ("axes", new long[] { -1 }), ("keepdims", 1));

    public static string Unsqueeze(this GraphWriter g, string x, params ReadOnlySpan<long> axes) => g.Form.Opset >= 13
        ? g.Op("Unsqueeze", [x, g.Ints(axes)])
        : g.Op("Unsqueeze", [x], ("axes", axes.ToArray()));

    /// <summary>Parts of the given sizes along an axis.</summary>
    public static string[] Split(this GraphWriter g, string x, long axis, params ReadOnlySpan<long> sizes)
    {
        var outputs = new string?[sizes.Length];
        return g.Form.Opset >= 13
            ? g.Call("Split", "", [x, g.Ints(sizes)], outputs, [("axis", axis)])
            : g.Call("Split", "", [x], outputs, [("axis", axis), ("split", sizes.ToArray())]);
    }

    public static string Slice(this GraphWriter g, string x, long start, long end, long axis, long step = 1) => step == 1
        ? g.Op("Slice", [x, g.Ints(start), g.Ints(end), g.Ints(axis)])
        : g.Op("Slice", [x, g.Ints(start), g.Ints(end), g.Ints(axis), g.Ints(step)]);

    public static string Transpose(this GraphWriter g, string x, params ReadOnlySpan<long> perm) =>
        g.Op("Transpose", [x], ("perm", perm.ToArray()));

    public static string Cast(this GraphWriter g, string x, Graph.ElementType type) => g.Op("Cast", [x], ("to", (long)type));

    /// <summary>One dimension of a tensor, as a scalar.</summary>
    public static string Dimension(this GraphWriter g, string x, long axis) =>
        g.Op("Gather", [g.Op("Shape", [x]), g.Int(axis)], ("axis", 0));
}
