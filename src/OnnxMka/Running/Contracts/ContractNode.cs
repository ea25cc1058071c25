using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Running.Contracts;

/// <summary>
/// A node whose contract is being checked: its attributes within their bounds, and its inputs as far as their shapes are known.
/// </summary>
/// <param name="onCpu">The kernels of the CPU run it.</param>
internal sealed class ContractNode(OnnxNode node, KnownShapes shapes, bool onCpu)
{
    private const string Code = "MKA018";

    public bool OnCpu => onCpu;

    public int Outputs => node.Outputs.Length;

    /// <summary>True where the input is given.</summary>
    public bool Has(int slot) => slot < node.Inputs.Length && node.Inputs[slot].Length > 0;

    /// <summary>True where the node lists the input and leaves it blank.</summary>
    public bool IsBlank(int slot) => slot < node.Inputs.Length && node.Inputs[slot].Length == 0;

    /// <summary>Null where the shape is not known, or the input not given; null dimensions are symbols.</summary>
    public ImmutableArray<long?>? Shape(int slot) => Has(slot) ? shapes.Shape(node.Inputs[slot]) : null;

    /// <summary>The tensor of an input that is stored.</summary>
    public TensorRef? Stored(int slot) => Has(slot) ? shapes.Stored(node.Inputs[slot]) : null;

    /// <summary>Last dimension; null where it is not known.</summary>
    public long? Width(int slot) => Has(slot) ? shapes.Width(node.Inputs[slot]) : null;

    /// <summary>Width of [batch, tokens, width]; null where that is not known, or the input has its heads as a dimension.</summary>
    public long? Hidden(int slot) => Shape(slot) is { Length: not 3 } ? null : Width(slot);

    public bool HasAttribute(string name) => node.Attributes.ContainsKey(name);

    /// <summary>
    /// An integer attribute. Kernels keep it in 32 bits, whatever the file holds; null where a function's caller gives it.
    /// </summary>
    /// <param name="fallback">Where the node has none; null where it must have it.</param>
    public long? Int(string name, long? fallback, long least = int.MinValue, long most = int.MaxValue)
    {
        if (!node.Attributes.TryGetValue(name, out var attribute))
        {
            Demand(fallback is not null, $"it has no {name}");
            return fallback;
        }

        if (attribute.IsReference) return null;
        Within(name, attribute.Int, least, most);
        return attribute.Int;
    }

    /// <summary>A list of integers, each within bounds; empty where there is none.</summary>
    public IReadOnlyList<long> Ints(string name, long least, long most = int.MaxValue)
    {
        if (!node.Attributes.TryGetValue(name, out var attribute)) return [];
        foreach (var value in attribute.Ints) Within(name, value, least, most);
        return attribute.Ints;
    }

    /// <summary>One of the numbers that the operator knows.</summary>
    public long? OneOf(string name, long? fallback, params ReadOnlySpan<long> known)
    {
        var value = Int(name, fallback);
        if (value is { } number && !known.Contains(number))
            throw Broken($"{name} is {number} and must be one of {string.Join(", ", known.ToArray())}");
        return value;
    }

    /// <summary>The whole falls into that many equal parts.</summary>
    public void Divides(string what, long? whole, string parts, long? count)
    {
        if (whole is { } w && count is { } c) Demand(c > 0 && w % c == 0, $"{what} is {w}, which {parts} {c} does not divide");
    }

    /// <summary>All inputs that are listed are given.</summary>
    public void Given()
    {
        for (var slot = 0; slot < node.Inputs.Length; slot++) Demand(!IsBlank(slot), $"its input {slot} is left blank");
    }

    public void Rank(int slot, string name, params ReadOnlySpan<int> ranks)
    {
        if (Shape(slot) is { } shape && !ranks.Contains(shape.Length))
            throw Broken($"{name} has the shape {Text(shape)} and takes {string.Join(" or ", ranks.ToArray())} dimensions");
    }

    /// <summary>The input has that shape; null for a dimension that may be any.</summary>
    public void Fits(int slot, string name, params ReadOnlySpan<long?> dims)
    {
        if (Shape(slot) is not { } shape) return;
        var fits = shape.Length == dims.Length;
        for (var i = 0; fits && i < dims.Length; i++) fits = dims[i] is null || shape[i] is null || dims[i] == shape[i];
        if (!fits) throw Broken($"{name} has the shape {Text(shape)} and must be {Text([.. dims])}");
    }

    /// <summary>The input has at least so many elements.</summary>
    public void Holds(int slot, string name, long? elements)
    {
        if (Stored(slot) is { } tensor && elements is { } least)
            Demand(tensor.ElementCount >= least, $"{name} has the shape {Text([.. tensor.Shape])}, and {least} elements of it are read");
    }

    /// <summary>An axis of an input of so many dimensions, which may count from the end; told from the start.</summary>
    public int? Axis(string name, long fallback, int rank)
    {
        var axis = Int(name, fallback, -rank, rank - 1);
        return (int?)(axis < 0 ? axis + rank : axis);
    }

    public void Demand(bool holds, string otherwise)
    {
        if (!holds) throw Broken(otherwise);
    }

    public static string Text(ImmutableArray<long?> shape) => $"[{string.Join(", ", shape.Select(d => d?.ToString() ?? "?"))}]";

    private void Within(string name, long value, long least, long most)
    {
        if (value < least) throw Broken($"{name} is {value} and must be at least {least}");
        if (value > most) throw Broken($"{name} is {value} and must be at most {most}");
    }

    private RefusedException Broken(string what) =>
        new(
            Code,
            node.Label,
            $"{node.OpType}: {what}",
            "The file is damaged, and running it could end the process; "
            + "export it again, or name the blocks with --blocks and use --method drop --no-eval --no-verify");
}
