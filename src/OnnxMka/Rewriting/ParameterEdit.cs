using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Structure;

namespace OnnxMka.Rewriting;

/// <summary>
/// Other content for a parameter of one block, copy on write: a tensor that anything else reads stays, and this place gets its own.
/// </summary>
internal static class ParameterEdit
{
    /// <summary>A parameter of a float type, in float64.</summary>
    public static double[] Read(BlockMap map, BlockParameter parameter)
    {
        using var reader = new TensorReader();
        var tensor = map.Tensor(parameter.Initializer);
        var values = new double[tensor.ElementCount];
        FloatCodec.Decode(tensor.Type, reader.ReadBytes(tensor), values);
        return values;
    }

    /// <summary>Values in a type, each rounded once.</summary>
    public static MemoryBytes Encoded(ElementType type, double[] values)
    {
        var bytes = new byte[checked(values.Length * (type.Bits() / 8))];
        FloatCodec.Encode(type, values, bytes);
        return new MemoryBytes(bytes);
    }

    /// <summary>Name of the initializer that holds the new content.</summary>
    /// <param name="suffix">Ends the name of a new tensor, unique in the script.</param>
    public static string Replace(
        BlockMap map, GraphIndex index, BlockParameter parameter, TensorContent content, string suffix, EditScript script, string stage) =>
        Put(map, index, parameter, map.Tensor(parameter.Initializer) with { Content = content }, suffix, script, stage);

    /// <summary>
    /// The same for other sizes. What the file says of shapes behind it goes: of the chain to its reader, and of the values of the block.
    /// </summary>
    public static void Resize(
        BlockMap map,
        GraphIndex index,
        BlockParameter parameter,
        ImmutableArray<long> shape,
        TensorContent content,
        string suffix,
        EditScript script,
        string stage)
    {
        var tensor = new TensorRef(parameter.Initializer, map.Tensor(parameter.Initializer).Type, shape, content);
        Put(map, index, parameter, tensor, suffix, script, stage);
        var block = map.Blocks.First(b => b.Parameters.Contains(parameter));
        var outputs = parameter.Use.Chain.Concat(block.Nodes).SelectMany(i => map.Model.Graph.Nodes[i].Outputs);
        var values = outputs.Where(v => v.Length > 0 && v != block.Output.Value).ToImmutableHashSet(StringComparer.Ordinal);
        script.Add(stage, new GraphEdit.ForgetShapes(values));
    }

    private static string Put(
        BlockMap map, GraphIndex index, BlockParameter parameter, TensorRef tensor, string suffix, EditScript script, string stage)
    {
        var place = ParameterPlace.Of(map.Model.Graph, index, parameter);
        if (place.IsPrivate)
        {
            var isAsLarge = map.Tensor(parameter.Initializer).Shape.SequenceEqual(tensor.Shape);
            script.Add(
                stage,
                isAsLarge
                    ? new GraphEdit.ReplaceInitializer(tensor.Name, tensor.Content)
                    : new GraphEdit.ResizeInitializer(tensor.Name, tensor.Shape, tensor.Content));
            return tensor.Name;
        }

        var name = $"{parameter.Initializer}/{suffix}";
        var like = index.IsInitializer(parameter.Initializer) ? parameter.Initializer : null;
        script.Add(stage, new GraphEdit.AddInitializer(tensor with { Name = name }, like));
        script.Add(stage, new GraphEdit.SetInput(place.Node, place.Slot, name));
        return name;
    }
}
