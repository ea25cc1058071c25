using System.Globalization;
using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>
/// How the states that leave a block come of those that enter it, by hash-consing:
/// <code>
/// present = Concat(past, new)                 every token is kept
/// present = Slice(Concat(past, new), -24)     the last 24 are
/// present = CumSum(new) + past                a recurrence
/// </code>
/// Equal numbers mean states that grow alike. How new keys and values are computed does not count; what cuts or places them does.
/// </summary>
internal sealed class StateGrowth
{
    private readonly StreamSegments _segments;
    private readonly StructureHash _exact;
    private readonly Dictionary<string, int> _interned = new(StringComparer.Ordinal);

    /// <summary>Values that states flow into.</summary>
    private readonly HashSet<string> _states;

    /// <summary>Values that states, or lengths of them and of the stream, flow into.</summary>
    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);

    public StateGrowth(StreamSegments segments, StructureHash exact)
    {
        (_segments, _exact) = (segments, exact);
        _states = segments.KvInputs.Select(k => k.Port).ToHashSet(StringComparer.Ordinal);
        foreach (var port in _states) _numbers[port] = Intern("past");
        foreach (var node in segments.Stream.View.Nodes.Where(IsTouched)) Name(node);
    }

    /// <summary>Number of a state that leaves its block; what holds new tokens alone has the same everywhere.</summary>
    public int Of(string output) => _numbers.TryGetValue(output, out var number) ? number : Intern("new");

    /// <summary>States of the block that a state that leaves it is grown from.</summary>
    public IEnumerable<string> Sources(string output, IReadOnlySet<string> states)
    {
        var (seen, pending) = (new HashSet<string>(StringComparer.Ordinal), new Stack<string>([output]));
        while (pending.TryPop(out var value))
        {
            if (!_numbers.ContainsKey(value) || !seen.Add(value)) continue;
            if (states.Contains(value)) yield return value;
            else if (_segments.Stream.View.Producer(value) is { } node) foreach (var input in Inputs(node)) pending.Push(input);
        }
    }

    private bool IsTouched(ViewNode node) =>
        node.Reads.Any(_numbers.ContainsKey)
        || (ResidualStream.ReadsOnlyShape(node) && _segments.Stream.Dependent.Contains(node.Inputs[0]));

    private void Name(ViewNode node)
    {
        var number = Intern($"{Operator(node)}({string.Join(',', Inputs(node).Select(Number))}){Attributes(node)}");
        var holdsState = !ResidualStream.ReadsOnlyShape(node) && node.Reads.Any(_states.Contains);
        for (var i = 0; i < node.Outputs.Length; i++)
        {
            var output = node.Outputs[i];
            if (output.Length == 0 || _segments.IsCut(output)) continue;
            var own = string.Create(CultureInfo.InvariantCulture, $"{number}#{i}");
            _numbers[output] = HandsOn(node) ? Number(node.Inputs[0]) : Intern(own);
            if (holdsState) _states.Add(output);
        }
    }

    /// <summary>Another name or element type for the same tokens.</summary>
    private static bool HandsOn(ViewNode node) => node.Op is "Identity" or "Cast";

    /// <summary>Fused attention grows its caches whatever else it reads.</summary>
    private IEnumerable<string> Inputs(ViewNode node) => IsAttention(node) ? node.Inputs.Where(_states.Contains) : node.Reads;

    private bool IsAttention(ViewNode node) => MixerOperators.IsAttention(node.Op) && !_segments.Stream.View.IsCall(node);

    private int Number(string value)
    {
        if (_numbers.TryGetValue(value, out var number)) return number;
        var isStream = _segments.Stream.Dependent.Contains(value);
        return Intern(isStream ? "stream" : string.Create(CultureInfo.InvariantCulture, $"outside {_exact.Of(value)}"));
    }

    /// <summary>A call of a function by what stands in it: layers may call functions of their own.</summary>
    private string Operator(ViewNode node) => _segments.Stream.View.IsCall(node)
        ? string.Join(' ', _segments.Stream.View.NodesInside(node).Select(Whole))
        : node.Op;

    private string Whole(OnnxNode node) => NormalisedView.Qualified(node) + string.Join(';', node.Attributes.Values.Select(_exact.Text));

    private string Attributes(ViewNode node)
    {
        if (IsAttention(node)) return Window(node.Origin);
        // What a subgraph does with a state is told by the exact structure alone.
        if (node.Origin.Attributes.Values.Any(a => a.HasSubgraph))
            return string.Join(',', node.Outputs.Where(o => o.Length > 0).Select(_exact.Of));
        return string.Join(';', node.Attributes.OrderBy(a => a.Name, StringComparer.Ordinal).Select(_exact.Text));
    }

    /// <summary>A cache that slides inside the operator keeps its window; otherwise the window only limits who looks where.</summary>
    private static string Window(OnnxNode node) =>
        node.Int("sliding_window_cache", 0) == 0 ? "" : $"sliding {node.Int("local_window_size", -1)}";

    private int Intern(string expression)
    {
        if (!_interned.TryGetValue(expression, out var number)) _interned[expression] = number = _interned.Count;
        return number;
    }
}
