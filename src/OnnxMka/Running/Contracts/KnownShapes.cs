using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Running.Contracts;

/// <summary>
/// Shapes that a graph tells without being run: those of stored tensors, of inputs and of what keeps or turns them, with null for a
/// dimension that is a symbol; and the last dimension of what products with stored weights leave.
/// </summary>
internal sealed class KnownShapes
{
    private readonly KnownShapes? _outer;
    private readonly Dictionary<string, ImmutableArray<long?>> _shapes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TensorRef> _stored = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _widths = new(StringComparer.Ordinal);

    private KnownShapes(KnownShapes? outer) => _outer = outer;

    /// <param name="outer">Shapes of the graph around a subgraph.</param>
    public static KnownShapes Of(OnnxGraph graph, KnownShapes? outer)
    {
        var known = new KnownShapes(outer);
        foreach (var input in graph.FedInputs.Where(i => i.Dimensions is not null))
        {
            var sizes = input.Dimensions!.Select(d => long.TryParse(d, out var size) && size >= 0 ? size : (long?)null);
            known._shapes[input.Name] = [.. sizes];
        }

        foreach (var tensor in graph.Initializers.Values) known.Store(tensor.Name, tensor);
        return known.With(graph.Nodes);
    }

    /// <summary>Of a function's inputs nothing is known.</summary>
    public static KnownShapes Of(OnnxFunction function) => new KnownShapes(outer: null).With(function.Nodes);

    public ImmutableArray<long?>? Shape(string value) => _shapes.TryGetValue(value, out var shape) ? shape : _outer?.Shape(value);

    /// <summary>The tensor itself, of an initializer or a constant.</summary>
    public TensorRef? Stored(string value) => _stored.TryGetValue(value, out var tensor) ? tensor : _outer?.Stored(value);

    public long? Width(string value) =>
        _widths.TryGetValue(value, out var width) ? width : Shape(value) is [.., var last] ? last : _outer?.Width(value);

    /// <summary>In file order; of what stands before its producer nothing is known.</summary>
    private KnownShapes With(IReadOnlyList<OnnxNode> nodes)
    {
        foreach (var node in nodes.Where(n => n.Outputs.Length > 0 && n.Outputs[0].Length > 0)) Add(node);
        return this;
    }

    private void Add(OnnxNode node)
    {
        var output = node.Outputs[0];
        switch (node.OpType)
        {
            case "Constant" when node.Attributes.TryGetValue("value", out var attribute) && attribute.Tensor is { } tensor:
                Store(output, tensor);
                break;
            case "Identity" or "Cast" or "DequantizeLinear" when node.Inputs.Length > 0:
                if (Shape(node.Inputs[0]) is { } shape) _shapes[output] = shape;
                else if (Width(node.Inputs[0]) is { } width) _widths[output] = width;
                break;
            case "Transpose" when node.Inputs.Length == 1
                && Shape(node.Inputs[0]) is { } turned
                && Permutation(node, turned.Length) is { } order:
                _shapes[output] = [.. order.Select(axis => turned[(int)axis])];
                break;
            case "MatMul" when node.Inputs.Length == 2 && Shape(node.Inputs[1]) is [_, .., { } columns]:
                _widths[output] = columns;
                break;
            case "MatMulNBits" when node.Attributes.TryGetValue("N", out var n) && !n.IsReference:
                _widths[output] = n.Int;
                break;
            // A product and its bias.
            case "Add" when node.Inputs.Length == 2 && Width(node.Inputs[0]) is { } sum && sum == Width(node.Inputs[1]):
                _widths[output] = sum;
                break;
            default:
                break;
        }
    }

    private static IReadOnlyList<long>? Permutation(OnnxNode node, int rank)
    {
        if (!node.Attributes.TryGetValue("perm", out var attribute))
            return [.. Enumerable.Range(0, rank).Select(i => (long)(rank - 1 - i))];
        return attribute.Ints.Order().SequenceEqual(Enumerable.Range(0, rank).Select(i => (long)i)) ? attribute.Ints : null;
    }

    private void Store(string value, TensorRef tensor)
    {
        _shapes[value] = [.. tensor.Shape.Select(d => (long?)d)];
        _stored[value] = tensor;
    }
}
