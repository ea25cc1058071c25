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
