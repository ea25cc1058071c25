using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Blocks;

/// <summary>
/// Lists the parameters of a block in an order that only its structure decides: depth first from the block's end (then its cache
/// outputs) back to its start, operands in slot order, those of commutative operators in the order of their expressions.
/// Blocks of one kind therefore list equal roles at equal positions.
/// </summary>
internal sealed class ParameterWalk
{
    private readonly StreamSegments _segments;
    private readonly ConstantValues _constants;
    private readonly StructureHash _hash;
    private readonly Sublayers _sublayers;
    private readonly Range _range;
    private readonly string _start;
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private readonly List<BlockParameter> _found = [];

    private ParameterWalk(StreamSegments segments, ConstantValues constants, StructureHash hash, Sublayers sublayers, Range range)
    {
        _segments = segments;
        _sublayers = sublayers;
        _constants = constants;
        _hash = hash;
        _range = range;
        _start = segments.Stream.Cuts[range.Start.Value];
    }

    /// <summary>Parameters of the block that spans the segments of <paramref name="range"/>.</summary>
    public static ImmutableArray<BlockParameter> List(StreamSegments segments, ConstantValues constants, StructureHash hash, Sublayers sublayers, Range range)
    {
        var walk = new ParameterWalk(segments, constants, hash, sublayers, range);
        walk.Visit(segments.Stream.Cuts[range.End.Value]);
        for (var segment = range.Start.Value; segment < range.End.Value; segment++)
        {
            foreach (var port in segments.KvOutputsOf(segment)) walk.Visit(port);
        }

        return [.. walk._found];
    }

    private bool Contains(int segment) => segment >= _range.Start.Value && segment < _range.End.Value;

    /// <summary>Explicit stack: a block is a few hundred operators deep, an adversarial one as deep as it likes.</summary>
    private void Visit(string end)
    {
        var pending = new Stack<string>();
        pending.Push(end);
        while (pending.TryPop(out var value))
        {
            if (value == _start || !_seen.Add(value) || _segments.Stream.View.Producer(value) is not { } node || !Contains(_segments.Of(node))) continue;
            var slots = Enumerable.Range(0, node.Inputs.Length).Where(i => node.Inputs[i].Length > 0);
            var ordered = (StructureHash.IsCommutative(node) ? slots.OrderBy(i => _hash.Of(node.Inputs[i])) : slots).ToArray();
            foreach (var i in ordered.Where(i => _constants.Contains(node.Inputs[i]))) AddLeaves(node, i);
            // What a subgraph captures comes behind the inputs.
            foreach (var captured in node.Origin.Captures.Where(c => !_constants.Contains(c)).OrderByDescending(_hash.Of)) pending.Push(captured);
            foreach (var i in ordered.Reverse().Where(i => !_constants.Contains(node.Inputs[i]))) pending.Push(node.Inputs[i]);
        }
    }

    private void AddLeaves(ViewNode node, int input) =>
        AddLeaves(node, input, node.Inputs[input], node, []);

    private void AddLeaves(ViewNode reader, int input, string value, ViewNode nearest, ImmutableArray<int> chain)
    {
        if (_constants.Tensor(value) is { } tensor)
        {
            if (_constants.IsLearned(tensor, value, nearest))
                _found.Add(new BlockParameter(RoleName.Of(reader, value), value, new ParameterUse(reader.Origin.Index, reader.Slots[input], chain), _sublayers.Of(reader)));
            return;
        }

        if (_segments.Stream.View.Producer(value) is not { } producer) return;
        foreach (var inner in producer.Inputs.Where(i => i.Length > 0)) AddLeaves(reader, input, inner, producer, chain.Add(producer.Origin.Index));
    }
}
