using System.Collections.Immutable;

namespace OnnxMka.Structure;

/// <summary>A decoder layer, or a half of one.</summary>
/// <param name="Half">See <see cref="Block.Half"/>.</param>
internal sealed record StreamUnit(int Layer, string? Half)
{
    public bool HasAttention => Half is null or Halves.Attention;

    /// <summary>As people write it: <c>7</c>, <c>7.attention</c>, <c>7.mlp</c>.</summary>
    public string Name => Half is null ? $"{Layer}" : $"{Layer}.{Half}";
}

/// <summary>
/// Structure as it is carried from a model to what was made of it: the units of the stream in order, and the values around them.
/// </summary>
/// <param name="Seams">Values of the stream, one more than units: unit i takes seam i and leaves seam i + 1.</param>
internal sealed record StreamUnits(ImmutableArray<string> Seams, ImmutableArray<StreamUnit> Units)
{
    public static StreamUnits Of(BlockMap map) => new(
        [.. map.Blocks.Select(b => b.Input.Value), map.Blocks[^1].Output.Value],
        [.. map.Blocks.Select(b => new StreamUnit(b.Layer, b.Half))]);

    /// <summary>Whole layers in place of their halves.</summary>
    public StreamUnits Layers()
    {
        var firsts = Enumerable.Range(0, Units.Length).Where(i => i == 0 || Units[i].Layer != Units[i - 1].Layer).ToArray();
        return new([.. firsts.Select(i => Seams[i]), Seams[^1]], [.. firsts.Select((_, layer) => new StreamUnit(layer, null))]);
    }

    /// <summary>
    /// Names of the halves by their place in the layer: a layer that took over the MLP of one whose attention went has <c>mlp</c> and
    /// <c>mlp2</c>. What is alone in its layer keeps its name.
    /// </summary>
    public StreamUnits Renamed() => this with
    {
        Units = [.. Units.GroupBy(u => u.Layer)
            .SelectMany(layer => layer.Count() == 1 ? layer : layer.Select((u, place) => u with { Half = Halves.NameOf(place) }))],
    };
}
