namespace OnnxMka.Structure;

/// <summary>The stream of a graph, cut, and what its segments compute: what finding and describing blocks both ask.</summary>
internal sealed class StreamReading : IDisposable
{
    /// <param name="seams">
    /// Values that are seams where the stream passes them; of a value and its casts, the one named here is the cut.
    /// </param>
    public StreamReading(NormalisedView view, IReadOnlyCollection<string> seams)
    {
        Segments = new StreamSegments(ResidualStream.Find(view, seams));
        Constants = new ConstantValues(Segments);
        Exact = new StructureHash(Segments, Constants, exact: true);
        Structural = new StructureHash(Segments, Constants, exact: false);
    }

    public StreamSegments Segments { get; }

    public ConstantValues Constants { get; }

    public StructureHash Exact { get; }

    public StructureHash Structural { get; }

    /// <summary>The segments of each unit; null where a seam is no cut, or the seams are not in the stream's order.</summary>
    public List<UnitRange>? Ranges(StreamUnits units)
    {
        var places = units.Seams.Select(Segments.CutOf).ToArray();
        if (places.Contains(-1) || places.Zip(places.Skip(1)).Any(p => p.First >= p.Second)) return null;
        return [.. units.Units.Select((unit, i) => new UnitRange(places[i]..places[i + 1], unit))];
    }

    /// <exception cref="ArgumentException">A seam is no cut of the stream, or not behind the one before it.</exception>
    public List<UnitRange> RangesOrThrow(StreamUnits units) =>
        Ranges(units) ?? throw new ArgumentException("The seams are not cuts of the stream in their order.", nameof(units));

    public void Dispose()
    {
        Exact.Dispose();
        Structural.Dispose();
    }
}

/// <summary>Segments that a unit spans.</summary>
internal sealed record UnitRange(Range Range, StreamUnit Unit)
{
    /// <summary>Segments of each layer, whose units follow each other.</summary>
    public static List<Range> Layers(IEnumerable<UnitRange> units) =>
        [.. units.GroupBy(u => u.Unit.Layer).Select(layer => layer.First().Range.Start..layer.Last().Range.End)];
}
