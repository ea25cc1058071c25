using OnnxMka.Graph;
using OnnxMka.Structure;

namespace OwnSteps;

/// <summary>The weights that both samples look at.</summary>
internal static class Matrices
{
    /// <summary>
    /// Float matrices of some blocks, each once; what they read, such as quantised weights, that is no plain float matrix is left out.
    /// </summary>
    public static IEnumerable<TensorRef> Of(BlockMap map, params IEnumerable<Block> blocks) => blocks
        .SelectMany(b => b.Parameters)
        .Select(p => p.Initializer)
        .Distinct(StringComparer.Ordinal)
        .Where(map.Model.Graph.Initializers.ContainsKey)
        .Select(map.Tensor)
        .Where(t => t.Type.IsMergeable() && t.Shape.Length >= 2);
}
