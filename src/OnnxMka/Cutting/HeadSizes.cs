using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Running.Sessions;
using OnnxMka.Structure;

namespace OnnxMka.Cutting;

/// <summary>Sizes of value heads where a graph writes them out: in ports, and last in what shapes are reshaped and expanded to.</summary>
internal static class HeadSizes
{
    public const string Stage = "kv";

    /// <summary>True where a shape is asked for other sizes than the last.</summary>
    public static bool IsLength(ViewNode reader, NormalisedView view, SmallConstants numbers) => reader.Op == "Shape"
        && ((reader.Origin.Attributes.ContainsKey("end") && reader.Origin.Int("end", 0) is 1 or 2 or 3)
            || view.Readers(reader.Outputs[0]).All(
                r => r.Node.Op == "Gather" && numbers.Number(r.Node.Inputs[1]) is 0 or 1 or 2 or -2 or -3));

    /// <summary>Ports whose last size is told.</summary>
    public static void Resize(EditScript script, BlockMap map, IEnumerable<string> ports, int before, int after)
    {
        foreach (var port in ports)
        {
            var info = map.Model.Graph.Inputs.Concat(map.Model.Graph.Outputs).First(p => p.Name == port);
            if (info.Dimensions is [.., var size] && size == FormattableString.Invariant($"{before}"))
                script.Add(Stage, new GraphEdit.ResizePort(port, info.Rank - 1, after));
        }
    }

    /// <summary>
    /// What stands last in a shape and is a multiple of the old size becomes the same multiple of the new one. A shape that is joined from
    /// several numbers gets a Concat of its own, as others may read it; a size that is computed from the values themselves needs nothing.
    /// </summary>
    /// <param name="width">All heads side by side, before.</param>
    public static EditScript Edits(CompensatedModel model, ValueLane lane, int width, int before, int after)
    {
        var script = new EditScript();
        using var numbers = new SmallConstants(model.View.Index);
        foreach (var node in lane.Shaped)
        {
            var (shape, name) = (node.Inputs[1], $"{node.Outputs[0]}/kv_shape");
            if (numbers.Of(shape) is { } whole)
            {
                if (Resized(whole) is { } sizes) Set(Constant(name, sizes));
                continue;
            }

            if (model.View.Producer(shape) is not { Op: "Concat" } joined) continue;
            var last = numbers.Of(joined.Inputs[^1]);
            // All heads side by side are often as wide as the stream, and sized after it.
            var resized = last is not null ? Resized(last) : node == lane.Merge ? [(long)width / before * after] : null;
            if (resized is null) continue;
            var inputs = joined.Inputs.SetItem(joined.Inputs.Length - 1, Constant($"{name}/last", resized));
            var attributes = ImmutableDictionary<string, object>.Empty.Add("axis", joined.Origin.Int("axis", 0));
            script.Add(Stage, new GraphEdit.AddNode(new NodeSpec("Concat", inputs, [name], name, Attributes: attributes)));
            Set(name);

            void Set(string value) => script.Add(Stage, new GraphEdit.SetInput(node.Origin.Index, 1, value));
        }

        Resize(script, model.Map, lane.Pasts.Concat(lane.Presents), before, after);
        return script;

        long[]? Resized(double[] sizes) => sizes is [.., >= 1 and var size] && size % before == 0
            ? [.. sizes[..^1].Select(s => (long)s), (long)size / before * after]
            : null;

        string Constant(string name, long[] values)
        {
            var stored = new StoredNumbers(ElementType.Int64, [values.Length], [.. values]);
            script.Add(Stage, new GraphEdit.AddInitializer(stored.Tensor(name), null));
            return name;
        }
    }
}
