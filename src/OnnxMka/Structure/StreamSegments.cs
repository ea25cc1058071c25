using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>
/// The stretches of the stream between neighbouring cuts: which operators lie in each, and which cache ports they touch.
/// Segment k runs from cut k to cut k + 1; operators that serve several segments belong to none.
/// </summary>
internal sealed class StreamSegments
{
    /// <summary>No segment: shared by several, or outside the stream.</summary>
    public const int Shared = -1;

    private readonly Dictionary<string, int> _cutNumber;
    private readonly int[] _segments;
    private readonly Lazy<ILookup<int, ViewNode>> _nodes;
    private readonly ILookup<int, string> _kvOutputs;

    /// <summary>Outputs that show a cut, and the nodes between that cut and the output: these serve no segment.</summary>
    private readonly HashSet<string> _shown = new(StringComparer.Ordinal);
    private readonly HashSet<int> _showing = [];

    public StreamSegments(ResidualStream stream)
    {
        Stream = stream;
        _cutNumber = stream.Cuts.Select((c, i) => (c, i)).ToDictionary(c => c.c, c => c.i, StringComparer.Ordinal);
        _segments = new int[stream.View.Nodes.Length];
        Array.Fill(_segments, Shared);
        FindShown();
        AssignDependent();
        AssignServants();
        KvInputs = FindKvInputs();
        KvOutputs = FindKvOutputs();
        _kvOutputs = KvOutputs.ToLookup(k => k.Segment, k => k.Port);
        _nodes = new(() => stream.View.Nodes.ToLookup(Of));
    }

    public ResidualStream Stream { get; }

    public int Count => Stream.Cuts.Length - 1;

    /// <summary>Cache and state inputs with the segment that reads them, in port order.</summary>
    public IReadOnlyList<(string Port, int Segment)> KvInputs { get; }

    /// <summary>Cache and state outputs with the segment that writes them, in port order.</summary>
    public IReadOnlyList<(string Port, int Segment)> KvOutputs { get; }

    public int Of(ViewNode node) => _segments[node.Position];

    public bool IsCut(string value) => _cutNumber.ContainsKey(value);

    /// <summary>Number of the cut that a value is; -1 where it is none.</summary>
    public int CutOf(string value) => _cutNumber.GetValueOrDefault(value, -1);

    /// <summary>Operators of one segment, in the view's order.</summary>
    public IEnumerable<ViewNode> Nodes(int segment) => _nodes.Value[segment];

    /// <summary>Cache and state outputs that one segment writes, in port order.</summary>
    public IEnumerable<string> KvOutputsOf(int segment) => _kvOutputs[segment];

    private void FindShown()
    {
        foreach (var port in Stream.View.Index.Graph.Outputs.Where(o => o.Name != Stream.Sink && !IsCut(o.Name)))
        {
            Func<string, bool> isStream = value => _cutNumber.TryGetValue(value, out var cut) && cut < Count;
            if (ShownStream.Of(Stream.View.Index, port.Name, isStream) is not { } shown) continue;
            _shown.Add(port.Name);
            _showing.UnionWith(shown.Between.Select(n => n.Index));
        }
    }

    private void AssignDependent()
    {
        foreach (var node in Stream.View.Nodes.Where(n => !_showing.Contains(n.Origin.Index)))
        {
            if (ResidualStream.ReadsOnlyShape(node)) continue;
            var last = Shared;
            foreach (var value in node.Reads)
            {
                if (Stream.Dependent.Contains(value)) last = Math.Max(last, SegmentAfter(value));
            }

            _segments[node.Position] = last;
        }
    }

    private int SegmentAfter(string value)
    {
        // What is made of the logits (a next token, probabilities) is outside.
        if (_cutNumber.TryGetValue(value, out var cut)) return cut < Count ? cut : Shared;
        return Stream.View.Producer(value) is { } producer ? _segments[producer.Position] : Shared;
    }

    /// <summary>Constants, shape arithmetic and their like belong to the one segment that reads them.</summary>
    private void AssignServants()
    {
        Func<string, bool> isBusy = value => Stream.Dependent.Contains(value) || Stream.View.Index.IsOutput(value);
        for (var i = Stream.View.Nodes.Length - 1; i >= 0; i--)
        {
            var node = Stream.View.Nodes[i];
            if (!node.Outputs.Any(isBusy)) _segments[i] = OnlyReader(node) ?? Shared;
        }
    }

    /// <summary>The segment of all readers; null where they lie in several, or there are none.</summary>
    private int? OnlyReader(ViewNode node)
    {
        int? only = null;
        foreach (var output in node.Outputs)
        {
            foreach (var (reader, _) in Stream.View.Readers(output))
            {
                var segment = _segments[reader.Position];
                if ((only ??= segment) != segment) return null;
            }
        }

        return only;
    }

    private List<(string Port, int Segment)> FindKvInputs()
    {
        var found = new List<(string, int)>();
        foreach (var port in Stream.View.Index.Graph.FedInputs.Where(p => IsStateType(p.Type) && p.Name != Stream.TokenInput))
        {
            var segments = DependentReaders(port.Name).Select(Of).Distinct().Take(2).ToArray();
            if (segments is [>= 0 and var segment]) found.Add((port.Name, segment));
        }

        return found;
    }

    /// <summary>
    /// Where a port's values meet the stream: beyond casts, and beyond the slices that take key and value out of one tensor, of
    /// which the graph may read lengths too.
    /// </summary>
    private IEnumerable<ViewNode> DependentReaders(string port)
    {
        var pending = new Stack<string>([port]);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (pending.TryPop(out var value))
        {
            foreach (var (reader, _) in Stream.View.Readers(value).Where(r => !ResidualStream.ReadsOnlyShape(r.Node)))
            {
                if (reader.Outputs.Any(Stream.Dependent.Contains)) yield return reader;
                else foreach (var output in reader.Outputs.Where(seen.Add)) pending.Push(output);
            }
        }
    }

    private List<(string Port, int Segment)> FindKvOutputs()
    {
        var found = new List<(string, int)>();
        Func<string, bool> isOwn = port => port != Stream.Sink && Stream.Dependent.Contains(port) && !IsCut(port) && !_shown.Contains(port);
        foreach (var port in Stream.View.Index.Graph.Outputs.Where(p => isOwn(p.Name)))
        {
            if (Stream.View.Producer(port.Name) is { } producer && Of(producer) >= 0) found.Add((port.Name, Of(producer)));
        }

        return found;
    }

    private static bool IsStateType(ElementType type) =>
        type.IsMergeable()
            || type is ElementType.Int8 or ElementType.UInt8 or (>= ElementType.Float8E4M3FN and <= ElementType.Float8E5M2FNUZ);
}
