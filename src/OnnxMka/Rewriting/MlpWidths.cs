using System.Collections.Immutable;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Rewriting;

/// <summary>How many neurons the MLPs of a model have.</summary>
internal static class MlpWidths
{
    /// <summary>Each number once; MLPs whose neurons cannot be told from their structure are left out.</summary>
    public static ImmutableSortedSet<int> Of(BlockMap map)
    {
        var view = NormalisedView.Of(map.Model);
        return [.. map.Blocks.Where(b => b.Half is not Halves.Attention).Select(b => Count(map, view, b)).OfType<int>()];
    }

    private static int? Count(BlockMap map, NormalisedView view, Block block)
    {
        try
        {
            return InnerUnits.Of(map, view, block, AlignUnits.Mlp).Count;
        }
        catch (RefusedException)
        {
            return null; // several, or none in plain floats: no config speaks of them by one number
        }
    }
}
