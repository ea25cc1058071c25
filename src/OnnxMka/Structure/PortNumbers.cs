using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;

namespace OnnxMka.Structure;

/// <summary>
/// What the numbers in the names of one side's cache ports count:
/// <code>
/// layers          past_key_values.0.key          past_conv.1  past_key_values.2.key     every layer, whatever state it has
/// source layers   past_key_values.0.conv_state   past_key_values.2.key                  layers without a state, too (1 is an MLP)
/// one kind        past_conv.0                    past_key_values.0.key  past_conv.1     layers with that state
/// ports           in_0  in_1                     in_2                   in_3  in_4      all ports
/// </code>
/// Numbers that do not change from layer to layer (<c>v2</c>, heads) count nothing.
/// </summary>
internal sealed partial class PortNumbers
{
    private readonly Dictionary<(string Pattern, int Run), Counted> _counted = [];
    private readonly ILookup<(string Pattern, int Run), Entry> _series;
    private readonly ImmutableArray<Entry> _entries;
    private readonly ImmutableSortedDictionary<int, long> _sources;

    private PortNumbers(ImmutableArray<Entry> entries)
    {
        _entries = entries;
        _series = entries.ToLookup(e => (e.Pattern, e.Run));
        foreach (var series in _series) _counted[series.Key] = AtFirstSight([.. series]);
        foreach (var series in _series.Where(s => !IsOfSeveralLayers(s) && s.All(IsFixedElsewhere))) _counted[series.Key] = Counted.Nothing;
        _sources = Sources();
        if (_sources.IsEmpty) CountApart();
    }

    private enum Counted { Nothing, SourceLayers, Layers, Kind, Ports, Unknown, Rising }

    public static PortNumbers Of(IEnumerable<Block> blocks, Func<Block, ImmutableArray<KvPort>> side) =>
        new([.. blocks.SelectMany(b => side(b).SelectMany(p => Entries(p.Name, b)))]);

    /// <summary>The number of each layer's ports, where one count runs through all layers that have a state; empty elsewhere.</summary>
    public ImmutableSortedDictionary<int, long> SourceLayers => _sources;

    /// <summary>The name of a kind of ports: without what is counted.</summary>
    public string KindOf(string port)
    {
        var (pattern, run) = (Digits().Replace(port, "#"), 0);
        return Digits().Replace(port, m => _counted[(pattern, run++)] == Counted.Nothing ? m.Value : "#");
    }

    /// <summary>Old to new names of ports of blocks that stay. Refuses numbers that would have to change and count nothing known.</summary>
    /// <param name="places">New layer of each block that stays.</param>
    public IEnumerable<KeyValuePair<string, string>> Renumbered(IReadOnlyDictionary<int, int> places)
    {
        var goes = _entries.Where(e => !places.ContainsKey(e.Block)).ToArray();
        if (goes.Length == 0) return [];
        var first = goes.Min(e => e.Block);
        var staying = _entries.Where(e => places.ContainsKey(e.Block)).ToArray();
        if (staying.FirstOrDefault(e => e.Block > first && CountedBy(e) == Counted.Unknown) is { } unknown)
        {
            throw new RefusedException(
                "MKA016", unknown.Port,
                "caches behind a removed block are renumbered, and what the numbers in this name count is not clear",
                "Number cache ports by layer, or each kind of state from 0 on; export the model again");
        }

        var numbers = new Survivors(this, staying, places);
        return staying.ToLookup(e => e.Port).Select(p => KeyValuePair.Create(p.Key, Renamed(p.Key, [.. p.Select(numbers.New)])));
    }

    private Counted CountedBy(Entry entry) => _counted[(entry.Pattern, entry.Run)];

    /// <summary>Names of other ports begin in the same way, and the number there never changes.</summary>
    private bool IsFixedElsewhere(Entry entry) =>
        _entries.Any(e => e.Pattern != entry.Pattern && (e.Before, e.Number) == (entry.Before, entry.Number) && !IsCounted(e));

    private bool IsCounted(Entry entry) => CountedBy(entry) != Counted.Nothing;

    /// <summary>What the numbers at one place of equal names tell by themselves.</summary>
    private static Counted AtFirstSight(Entry[] series)
    {
        var blocks = series.GroupBy(e => e.Block).Select(b => b.Select(e => e.Number).Distinct().Order().ToArray()).ToArray();
        if (blocks.All(numbers => numbers.Length == 1))
        {
            if (blocks.Length == 1) return Counted.Rising;
            if (blocks.All(numbers => numbers[0] == blocks[0][0])) return Counted.Nothing;
            return blocks.Zip(blocks.Skip(1)).All(p => p.First[0] < p.Second[0]) ? Counted.Rising : Counted.Unknown;
        }

        var isAlike = blocks.Length > 1 || IsConsecutive(blocks[0]);
        return isAlike && blocks.All(numbers => numbers.SequenceEqual(blocks[0])) ? Counted.Nothing : Counted.Unknown;
    }

    /// <summary>
    /// One count through all layers: each layer has one number in all its names, and numbers rise at least as layers do. Names that only
    /// one layer has may hold other numbers too.
    /// </summary>
    private ImmutableSortedDictionary<int, long> Sources()
    {
        var none = ImmutableSortedDictionary<int, long>.Empty;
        var numbers = new SortedDictionary<int, long>();
        var rising = _series.Where(s => _counted[s.Key] == Counted.Rising).ToArray();
        foreach (var entry in rising.Where(IsOfSeveralLayers).SelectMany(s => s))
        {
            if (!numbers.TryAdd(entry.Layer, entry.Number) && numbers[entry.Layer] != entry.Number) return none;
        }

        foreach (var entry in rising.Where(s => !IsOfSeveralLayers(s)).SelectMany(s => s))
        {
            if (!numbers.ContainsKey(entry.Layer) && Fits(numbers, entry)) numbers[entry.Layer] = entry.Number;
        }

        var isCount = numbers.Zip(numbers.Skip(1)).All(p => p.Second.Value - p.First.Value >= p.Second.Key - p.First.Key);
        if (!isCount || _series.Any(s => _counted[s.Key] == Counted.Unknown)) return none;
        var inCount = rising.Where(s => s.All(e => numbers.TryGetValue(e.Layer, out var number) && number == e.Number)).ToArray();
        var counted = inCount.SelectMany(s => s).Select(e => e.Port).ToHashSet(StringComparer.Ordinal);
        if (_entries.Any(e => !counted.Contains(e.Port))) return none;
        foreach (var series in rising) _counted[series.Key] = inCount.Contains(series) ? Counted.SourceLayers : Counted.Nothing;
        return numbers.ToImmutableSortedDictionary();
    }

    private static bool IsOfSeveralLayers(IEnumerable<Entry> series) => series.Select(e => e.Layer).Distinct().Skip(1).Any();

    private static bool Fits(SortedDictionary<int, long> numbers, Entry entry) => numbers.All(n =>
        n.Key < entry.Layer ? entry.Number - n.Value >= entry.Layer - n.Key : n.Value - entry.Number >= n.Key - entry.Layer);

    /// <summary>No count runs through all layers: each series has one of its own, or ports are counted.</summary>
    private void CountApart()
    {
        foreach (var series in _series.Where(s => _counted[s.Key] == Counted.Rising))
        {
            if (series.All(e => e.Number == e.Layer)) _counted[series.Key] = Counted.Layers;
            else _counted[series.Key] = IsConsecutive(series.Select(e => e.Number)) ? Counted.Kind : Counted.Unknown;
        }

        var open = _entries.Where(e => CountedBy(e) == Counted.Unknown).ToArray();
        var all = _entries.Where(IsCounted).ToArray();
        if (open.Length == 0 || !AreOneCount(all)) return;
        foreach (var entry in all) _counted[(entry.Pattern, entry.Run)] = Counted.Ports;
    }

    /// <summary>Numbers 0 to n or 1 to n, each of one block alone.</summary>
    private static bool AreOneCount(Entry[] entries) =>
        IsConsecutive(entries.Select(e => e.Number)) && entries.GroupBy(e => e.Number).All(n => n.All(e => e.Block == n.First().Block));

    private static bool IsConsecutive(IEnumerable<long> numbers)
    {
        long[] sorted = [.. numbers.Distinct().Order()];
        return sorted[0] <= 1 && sorted[^1] - sorted[0] == sorted.Length - 1;
    }

    private static IEnumerable<Entry> Entries(string port, Block block)
    {
        var pattern = Digits().Replace(port, "#");
        return Digits().Matches(port).Select((m, run) =>
            new Entry(port, pattern, run, port[..m.Index], block.Index, block.Layer, long.Parse(m.Value, CultureInfo.InvariantCulture)));
    }

    private static string Renamed(string port, long[] numbers)
    {
        var run = 0;
        return Digits().Replace(port, m =>
        {
            var text = numbers[run++].ToString(CultureInfo.InvariantCulture);
            return m.Value[0] == '0' ? text.PadLeft(m.Length, '0') : text;
        });
    }

    [GeneratedRegex("[0-9]{1,9}", RegexOptions.CultureInvariant, Timeout.Infinite)]
    private static partial Regex Digits();

    /// <summary>One run of digits in the name of a port.</summary>
    /// <param name="Before">The name up to there.</param>
    private sealed record Entry(string Port, string Pattern, int Run, string Before, int Block, int Layer, long Number);

    /// <summary>New numbers of the ports that stay.</summary>
    private sealed class Survivors
    {
        private readonly PortNumbers _all;
        private readonly IReadOnlyDictionary<int, int> _places;
        private readonly Dictionary<int, long> _sources = [];
        private readonly Dictionary<(string, int), List<int>> _blocks;
        private readonly List<long> _ports;
        private readonly long _firstPort;

        public Survivors(PortNumbers all, Entry[] staying, IReadOnlyDictionary<int, int> places)
        {
            (_all, _places) = (all, places);
            var next = all._sources.IsEmpty ? 0 : all._sources.First().Value;
            foreach (var layer in staying.Select(e => e.Layer).Distinct().Order().Where(all._sources.ContainsKey))
            {
                _sources[layer] = next;
                next += all.WidthOf(layer);
            }

            _blocks = staying.GroupBy(e => (e.Pattern, e.Run))
                .ToDictionary(s => s.Key, s => s.Select(e => e.Block).Distinct().Order().ToList());
            _ports = [.. staying.Where(IsPort).Select(e => e.Number).Distinct().Order()];
            _firstPort = all._entries.Where(IsPort).Select(e => e.Number).DefaultIfEmpty().Min();

            bool IsPort(Entry entry) => all.CountedBy(entry) == Counted.Ports;
        }

        public long New(Entry entry) => _all.CountedBy(entry) switch
        {
            Counted.SourceLayers => _sources[entry.Layer],
            Counted.Layers => _places[entry.Block],
            Counted.Kind => FirstOf(entry) + _blocks[(entry.Pattern, entry.Run)].IndexOf(entry.Block),
            Counted.Ports => _firstPort + _ports.IndexOf(entry.Number),
            _ => entry.Number,
        };

        private long FirstOf(Entry entry) => _all._series[(entry.Pattern, entry.Run)].Min(e => e.Number);
    }

    /// <summary>How many numbers a layer takes; the last layer's is not known and nobody's comes behind it.</summary>
    private long WidthOf(int layer) => _sources.FirstOrDefault(s => s.Key > layer) is { Key: > 0 } next ? next.Value - _sources[layer] : 1;
}
