using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>
/// Lists the parameters of a block in an order that only its structure decides: depth first from the block's end (then its cache
/// outputs) back to its start, operands in slot order, those of commutative operators in the order of their expressions.
/// Blocks of one kind therefore list equal roles at equal positions.
/// </summary>
internal sealed class ParameterWalk
{
    /// <summary>
    /// Exporters leave a handful of operators between a stored tensor and its reader; a mask that was not folded has some dozens.
    /// </summary>
    private const int LongestChain = 256;

    private const int MostSteps = 10_000;

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
    public static ImmutableArray<BlockParameter> List(
        StreamSegments segments, ConstantValues constants, StructureHash hash, Sublayers sublayers, Range range)
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
            if (value == _start
                || !_seen.Add(value)
                || _segments.Stream.View.Producer(value) is not { } node
                || !Contains(_segments.Of(node)))
                continue;
            var slots = Enumerable.Range(0, node.Inputs.Length).Where(i => node.Inputs[i].Length > 0);
            var ordered = (StructureHash.IsCommutative(node) ? slots.OrderBy(i => _hash.Of(node.Inputs[i])) : slots).ToArray();
            foreach (var i in ordered.Where(i => _constants.Contains(node.Inputs[i]))) AddLeaves(node, i);
            // What a subgraph captures comes behind the inputs.
            foreach (var captured in node.Origin.Captures.Where(c => !_constants.Contains(c)).OrderByDescending(_hash.Of))
                pending.Push(captured);
            foreach (var i in ordered.Reverse().Where(i => !_constants.Contains(node.Inputs[i]))) pending.Push(node.Inputs[i]);
        }
    }

    /// <summary>Every way to a stored tensor is a use of its own; a short graph can have 2^n of them.</summary>
    private void AddLeaves(ViewNode reader, int input)
    {
        var pending = new Stack<(string Value, ViewNode Nearest, ImmutableArray<int> Chain)>([(reader.Inputs[input], reader, [])]);
        for (var steps = 0; pending.TryPop(out var next); steps++)
        {
            if (steps > MostSteps || next.Chain.Length > LongestChain)
            {
                throw new RefusedException(
                    "MKA003",
                    reader.Origin.Label,
                    $"one of its weights is computed by more than {LongestChain} operators in a row, or in more than {MostSteps} ways",
                    "No known exporter writes such a file; export it again");
            }

            if (_constants.Tensor(next.Value) is { } tensor)
            {
                if (_constants.IsLearned(tensor, next.Value, next.Nearest))
                {
                    _found.Add(
                        new BlockParameter(
                            RoleName.Of(reader, next.Value),
                            next.Value,
                            new ParameterUse(reader.Origin.Index, reader.Slots[input], next.Chain),
                            _sublayers.Of(reader)));
                }
            }
            else if (_segments.Stream.View.Producer(next.Value) is { } producer)
            {
                foreach (var inner in producer.Inputs.Reverse().Where(i => i.Length > 0))
                    pending.Push((inner, producer, next.Chain.Add(producer.Origin.Index)));
            }
        }
    }
}
