using System.Collections.Immutable;
using OnnxMka.Structure;

namespace OnnxMka.Cutting;

/// <summary>
/// Finds the stored numbers of columns behind what moves them:
/// <code>
/// Split(x, [w, w])     Slice(x, [0], [w])     Reshape(x, Concat(Slice(Shape(h), 0, 2), [w]))
/// </code>
/// What is computed from a shape follows by itself.
/// </summary>
internal sealed class NumberWalk(BlockMap map, NormalisedView view, Block block, int neurons)
{
    /// <summary>Whole numbers from whole numbers.</summary>
    private static readonly HashSet<string> Arithmetic = new(StringComparer.Ordinal)
    {
        "Concat", "Add", "Sub", "Mul", "Div", "Neg", "Min", "Max", "Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Gather", "Slice",
        "Where",
    };

    private readonly ImmutableArray<ColumnNumbers>.Builder _found = ImmutableArray.CreateBuilder<ColumnNumbers>();
    private readonly HashSet<(int Node, int Slot)> _places = [];
    private readonly Dictionary<int, bool> _changed = []; // arithmetic by node: what it gives counts columns

    public ImmutableArray<ColumnNumbers> Found => _found.ToImmutable();

    /// <summary>All numbers that a node takes beside its columns.</summary>
    public void Add(ViewNode node)
    {
        if (ColumnNumbers.OfAttributes(node.Origin, neurons) is { } numbers && _places.Add((node.Origin.Index, -1))) _found.Add(numbers);
        for (var i = 1; i < node.Inputs.Length; i++) IsChanged(node, i);
    }

    /// <summary>Whoever else reads a number that changes; null for nobody.</summary>
    /// <param name="between">Nodes that the columns go through.</param>
    public ViewNode? ReadElsewhere(HashSet<int> between)
    {
        var arithmetic = _changed.Where(c => c.Value).Select(c => c.Key).ToHashSet();
        return arithmetic.SelectMany(n => map.Model.Graph.Nodes[n].Outputs)
            .SelectMany(view.Readers)
            .Select(r => r.Node)
            .FirstOrDefault(n => !arithmetic.Contains(n.Origin.Index) && !between.Contains(n.Origin.Index));
    }

    private bool IsChanged(ViewNode node, int input)
    {
        var value = node.Inputs[input];
        if (value.Length == 0) return false;
        var producer = view.Producer(value);
        if (StoredNumbers.Of(map, producer, value) is { } stored)
        {
            if (!stored.Values.Any(n => ColumnNumbers.Scaled(n, neurons, 0) != n)) return false;
            if (_places.Add((node.Origin.Index, node.Slots[input]))) _found.Add(new ColumnNumbers(node.Origin, node.Slots[input], stored));
            return true;
        }

        // Others compute with what stands outside the block.
        if (producer is null || !Arithmetic.Contains(producer.Op) || !block.Nodes.Contains(producer.Origin.Index)) return false;
        if (_changed.TryGetValue(producer.Origin.Index, out var known)) return known;
        var changed = false;
        _changed[producer.Origin.Index] = false;
        for (var i = 0; i < producer.Inputs.Length; i++) changed |= IsChanged(producer, i);
        return _changed[producer.Origin.Index] = changed;
    }
}
