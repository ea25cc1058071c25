using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using OnnxMka.Graph;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Rewriting;

/// <summary>
/// Outputs of the graph that show the stream at every seam, as <c>output_hidden_states</c> exports it:
/// <code>
/// before   h.0 (embeddings)   h.1 (behind block 0)   h.2 (behind block 1)   h.3 (behind block 2, or its norm)
/// after    h.0                h.1 (behind block 0)                          h.2 (behind block 2, or its norm)       without block 1
/// </code>
/// Seams that a removed block lay between are one seam then, which keeps one port; ports are numbered anew. Where the last port
/// shows the final norm, the seam before that has none.
/// </summary>
internal sealed partial class StreamPorts
{
    /// <summary>By seam: 0 is what block 0 reads, k what block k - 1 leaves.</summary>
    private readonly ImmutableSortedDictionary<int, string> _ports;

    /// <summary>The last port, where it shows the final norm; null where it shows what the last block leaves.</summary>
    private readonly string? _normed;
    private readonly int _position;
    private readonly int _offset;

    private StreamPorts(ImmutableSortedDictionary<int, string> ports, string? normed, int position, int offset)
    {
        _ports = ports;
        _normed = normed;
        _position = position;
        _offset = offset;
    }

    /// <summary>
    /// Null where no output shows the stream between blocks, or none has to change. Refuses ports of some seams only, or whose names do not
    /// count them, where a block goes.
    /// </summary>
    public static StreamPorts? Of(BlockMap map, MergePlan plan)
    {
        if (!plan.Removed.Any()) return null;
        var outputs = map.Model.Graph.Outputs.Select(o => o.Name).ToHashSet(StringComparer.Ordinal);
        var shown = Shown(map);
        var ports = shown.ToImmutableSortedDictionary(s => s.Key, s => s.First());
        // The ends of the stream stay its ends, whatever goes between them.
        if (ports.Keys.All(seam => seam == 0 || seam == map.Count)) return null;
        if (shown.Any(s => s.Key > 0 && s.Key < map.Count && s.Count() > 1)) throw Unclear(ports, "several outputs show it at one place");
        if (map.HalfNames is not null)
            return plan.KeptLayers.Count() < map.LayerCount ? throw Unclear(ports, "halves of layers are removed") : null;
        var first = ports.Keys.First();
        // Behind the last block the stream may be shown normed, or not at all.
        for (var seam = first; seam < map.Count; seam++)
        {
            if (first > 1 || !ports.ContainsKey(seam))
                return plan.Removed.Any(b => ports.ContainsKey(b + 1)) ? throw Unclear(ports, "other seams have no such output") : null;
        }

        var (position, offset) = Numbering(ports) ?? throw Unclear(ports, "the names do not count the layers");
        var last = WithNumber(ports[first], position, map.Count + offset);
        return new StreamPorts(ports, ports.ContainsKey(map.Count) || !outputs.Contains(last) ? null : last, position, offset);
    }

    /// <summary>
    /// Outputs by the seam that they show: what has the seam's own name first, and the logits of a model without a head last.
    /// </summary>
    private static ILookup<int, string> Shown(BlockMap map)
    {
        var index = GraphIndex.Of(map.Model.Graph);
        var seams = Enumerable.Range(0, map.Count + 1)
            .ToDictionary(seam => CarriedSeams.SeamValue(map, seam), seam => seam, StringComparer.Ordinal);
        return map.Model.Graph.Outputs
            .Select(o => (o.Name, Value: seams.ContainsKey(o.Name) ? o.Name : ShownStream.Of(index, o.Name, seams.ContainsKey)?.Value))
            .Where(o => o.Value is not null)
            .OrderBy(o => o.Name == map.Logits).ThenByDescending(o => o.Name == o.Value)
            .ToLookup(o => seams[o.Value!], o => o.Name);
    }

    /// <summary>Ports that go: of seams that fall together, all but one; before a normed last port, that one too.</summary>
    public ImmutableHashSet<string> Dropped(BlockMap map, MergePlan plan)
    {
        var kept = Kept(map, plan).Select(k => k.Port).ToHashSet(StringComparer.Ordinal);
        return [.. _ports.Values.Where(p => !kept.Contains(p))];
    }

    /// <summary>Old to new names: of ports that stay, and of values that lose their port and would be in their way.</summary>
    public IEnumerable<KeyValuePair<string, string>> Names(BlockMap map, MergePlan plan)
    {
        var kept = Kept(map, plan).ToList();
        if (_normed is not null) kept.Add((plan.Groups.Length, _normed));
        var values = map.Model.Graph.Nodes.SelectMany(n => n.Outputs).ToHashSet(StringComparer.Ordinal);
        foreach (var (number, port) in kept) yield return KeyValuePair.Create(port, WithNumber(port, _position, number + _offset));
        var seams = Enumerable.Range(0, map.Count + 1).Select(seam => CarriedSeams.SeamValue(map, seam)).ToHashSet(StringComparer.Ordinal);
        foreach (var port in Dropped(map, plan).Where(seams.Contains))
        {
            var inner = port + "/stream";
            while (!values.Add(inner)) inner += "_";
            yield return KeyValuePair.Create(port, inner);
        }
    }

    /// <summary>New number of each port that stays.</summary>
    private IEnumerable<(int Number, string Port)> Kept(BlockMap map, MergePlan plan)
    {
        var removed = plan.Removed.ToHashSet();
        var number = 0;
        for (var seam = 0; seam <= map.Count; seam++)
        {
            var first = seam;
            while (removed.Contains(seam)) seam++;
            var lasting = SeamBypass.Lasts(map, first, seam) ? seam : first;
            var isLast = seam == map.Count;
            if (_ports.TryGetValue(lasting, out var port) && !(isLast && first < seam && !_ports.ContainsKey(seam)))
                yield return (number, port);
            number++;
        }
    }

    /// <summary>Which run of digits counts the seams, and from where.</summary>
    private static (int Position, int Offset)? Numbering(ImmutableSortedDictionary<int, string> ports)
    {
        if (ports.Values.Select(p => Digits().Replace(p, "#")).Distinct(StringComparer.Ordinal).Count() > 1) return null;
        var numbers = ports.Select(
            p => (
                p.Key,
                Numbers: Digits().Matches(p.Value).Select(m => int.Parse(m.Value, CultureInfo.InvariantCulture)).ToArray())).ToArray();
        for (var position = 0; position < numbers[0].Numbers.Length; position++)
        {
            var offset = numbers[0].Numbers[position] - numbers[0].Key;
            if (numbers.All(n => n.Numbers[position] - n.Key == offset)) return (position, offset);
        }

        return null;
    }

    private static string WithNumber(string name, int position, int number)
    {
        var seen = 0;
        return Digits().Replace(name, m => seen++ == position ? number.ToString(CultureInfo.InvariantCulture) : m.Value);
    }

    private static RefusedException Unclear(ImmutableSortedDictionary<int, string> ports, string why) =>
        new(
            "MKA045",
            ports.Values.First(),
            $"it shows the stream between layers, but {why}, so what it would show without some layers is not clear",
            "Export the model with hidden states of all layers, or without any");

    [GeneratedRegex("[0-9]{1,9}", RegexOptions.CultureInvariant, Timeout.Infinite)]
    private static partial Regex Digits();
}
