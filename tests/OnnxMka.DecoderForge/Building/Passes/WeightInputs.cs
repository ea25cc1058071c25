using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>Lists float weights among the inputs too, as exporters that keep initializers there do: their values are defaults.</summary>
internal static class WeightInputs
{
    public static void Apply(GraphProto graph) => graph.Input.Add(graph.Initializer
        .Where(t => (ElementType)t.DataType is ElementType.Float or ElementType.Float16 && graph.Input.All(i => i.Name != t.Name))
        .Select(t => Ports.Info(t.Name, (ElementType)t.DataType, [.. t.Dims.Select(d => (object)(int)d)])));
}
