using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Structure;

namespace OnnxMka.Running.Activations;

/// <summary>How the tokens of one sample become one row.</summary>
public enum Pooling
{
    /// <summary>The mean over its tokens.</summary>
    Mean,
    /// <summary>Its last token.</summary>
    Last,
}

/// <summary>
/// A clone of a model whose only outputs, but for a case that the runtime makes, are the pooled seams; the original is untouched.
/// <code>
/// before   ... -> seam 0 -> ... -> seam L-1 -> head -> logits, present.*
/// after    ... -> seam 0 -> Cast -> ReduceMean -> tap.0 [batch, H] float32,   and so on;  no logits
/// </code>
/// </summary>
/// <param name="Outputs">One output a seam, in order.</param>
internal sealed record ActivationTap(OnnxModel Model, ImmutableArray<string> Outputs)
{
    private const string Stage = "tap";

    /// <summary>Windows are equally long, so the mean over all positions is the mean over real tokens.</summary>
    public static ActivationTap On(BlockMap map, Pooling pooling)
    {
        var script = new EditScript();
        foreach (var output in map.Model.Graph.Outputs.Except(MustStay(map.Model.Graph)))
            script.Add(Stage, new GraphEdit.DropOutputPort(output.Name));
        var taps = ImmutableArray.CreateBuilder<string>(map.Count);
        foreach (var block in map.Blocks)
        {
            SeamAccess.Expose(map.Model, block.Output, script, Stage);
            taps.Add(Pool(map.Model, block.Output.Value, $"onnx-mka.tap.{block.Index}", pooling, script));
        }

        return new ActivationTap(GraphEditor.Apply(map.Model, script), taps.MoveToImmutable());
    }

    /// <summary>
    /// Outputs that are not asked for and stay all the same: what is no output any more, ONNX Runtime 1.31 takes to be as long as the past
    /// where it is a float16 cache of a GroupQueryAttention, and then fails to run.
    /// </summary>
    private static IEnumerable<ValueInfo> MustStay(OnnxGraph graph)
    {
        var caches = graph.Nodes.Where(n => n.OpType == "GroupQueryAttention").SelectMany(n => n.Outputs).ToHashSet(StringComparer.Ordinal);
        return graph.Outputs.Where(o => o.Type == ElementType.Float16 && caches.Contains(o.Name));
    }

    private static string Pool(OnnxModel model, string seam, string tap, Pooling pooling, EditScript script)
    {
        var toFloat = Attribute("to", (long)ElementType.Float);
        script.Add(Stage, new GraphEdit.AddNode(new NodeSpec("Cast", [seam], [tap + ".float"], tap + ".cast", Attributes: toFloat)));
        script.Add(Stage, new GraphEdit.AddNode(pooling == Pooling.Last ? LastToken(tap, script) : Mean(model, tap, script)));
        script.Add(Stage, new GraphEdit.AddOutputPort(tap, ElementType.Float));
        return tap;
    }

    /// <summary>ReduceMean takes its axes as an attribute before opset 18 and as an input from then on.</summary>
    private static NodeSpec Mean(OnnxModel model, string tap, EditScript script)
    {
        var keep = Attribute("keepdims", 0L);
        if (model.Opsets.GetValueOrDefault("") < 18)
            return new NodeSpec("ReduceMean", [tap + ".float"], [tap], tap + ".mean", Attributes: keep.Add("axes", new[] { 1L }));
        AddConstant(script, tap + ".axes", 1, [1]);
        return new NodeSpec("ReduceMean", [tap + ".float", tap + ".axes"], [tap], tap + ".mean", Attributes: keep);
    }

    private static NodeSpec LastToken(string tap, EditScript script)
    {
        AddConstant(script, tap + ".index", -1, []);
        return new NodeSpec("Gather", [tap + ".float", tap + ".index"], [tap], tap + ".last", Attributes: Attribute("axis", 1L));
    }

    private static void AddConstant(EditScript script, string name, long value, ImmutableArray<long> shape) => script.Add(
        Stage,
        new GraphEdit.AddInitializer(new TensorRef(name, ElementType.Int64, shape, new MemoryBytes(BitConverter.GetBytes(value))), null));

    private static ImmutableDictionary<string, object> Attribute(string name, object value) =>
        ImmutableDictionary<string, object>.Empty.Add(name, value);
}
