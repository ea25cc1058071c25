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
        var place = ParameterPlace.Of(map.Model.Graph, index, parameter);
        if (place.IsPrivate)
        {
            script.Add(stage, new GraphEdit.ResizeInitializer(parameter.Initializer, shape, content));
        }
        else
        {
            var (old, name) = (map.Tensor(parameter.Initializer), $"{parameter.Initializer}/{suffix}");
            var like = index.IsInitializer(parameter.Initializer) ? parameter.Initializer : null;
            script.Add(stage, new GraphEdit.AddInitializer(new TensorRef(name, old.Type, shape, content), like));
            script.Add(stage, new GraphEdit.SetInput(place.Node, place.Slot, name));
        }

        var block = map.Blocks.First(b => b.Parameters.Contains(parameter));
        var outputs = parameter.Use.Chain.Concat(block.Nodes).SelectMany(i => map.Model.Graph.Nodes[i].Outputs);
        foreach (var value in outputs.Where(v => v.Length > 0 && v != block.Output.Value).Distinct(StringComparer.Ordinal))
            script.Add(stage, new GraphEdit.ForgetShape(value));
    }

    /// <summary>Name of the initializer that holds the new content.</summary>
    /// <param name="suffix">Ends the name of a new tensor, unique in the script.</param>
    public static string Replace(
        BlockMap map, GraphIndex index, BlockParameter parameter, TensorContent content, string suffix, EditScript script, string stage)
    {
        var place = ParameterPlace.Of(map.Model.Graph, index, parameter);
        if (place.IsPrivate)
        {
            script.Add(stage, new GraphEdit.ReplaceInitializer(parameter.Initializer, content));
            return parameter.Initializer;
        }

        var name = $"{parameter.Initializer}/{suffix}";
        script.Add(
            stage,
            new GraphEdit.AddInitializer(
                map.Tensor(parameter.Initializer) with { Name = name, Content = content },
                index.IsInitializer(parameter.Initializer) ? parameter.Initializer : null));
        script.Add(stage, new GraphEdit.SetInput(place.Node, place.Slot, name));
        return name;
    }
}
