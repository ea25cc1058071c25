using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Running.Parts;

/// <summary>
/// The trained fixture with every residual addition fused into the norm behind it, as optimised exports have it. The last one keeps its
/// sum to itself.
/// </summary>
public sealed class FusedBooks16 : IDisposable
{
    private const string Stage = "fuse";
    private readonly TempFolder _folder = new();
    private readonly Lazy<BlockMap> _map;

    public FusedBooks16() => _map = new Lazy<BlockMap>(() => BlockDetector.Detect(Fuse(Loaded())));

    public BlockMap Map => _map.Value;

    public void Dispose() => _folder.Dispose();

    /// <summary>protobuf appends repeated fields: 8 is opset_import, here com.microsoft version 1.</summary>
    private OnnxModel Loaded()
    {
        byte[] opset = [0x0A, 13, .. "com.microsoft"u8, 0x10, 1];
        File.WriteAllBytes(_folder["model.onnx"], [.. File.ReadAllBytes(Books16.ModelPath), 0x42, (byte)opset.Length, .. opset]);
        return OnnxModel.Load(_folder["model.onnx"]);
    }

    private static OnnxModel Fuse(OnnxModel model)
    {
        var script = new EditScript();
        var redirects = new List<GraphEdit>();
        for (var layer = 0; layer < 16; layer++)
        {
            Fuse(model, $"/model/layers.{layer}/Add_output_0", $"layers.{layer}.post_attention_layernorm", true, script, redirects);
            Fuse(
                model,
                $"/model/layers.{layer}/Add_1_output_0",
                layer < 15 ? $"layers.{layer + 1}.input_layernorm" : "norm",
                layer < 15,
                script,
                redirects);
        }

        foreach (var redirect in redirects) script.Add(Stage, redirect);
        return GraphEditor.Apply(model, script);
    }

    private static void Fuse(OnnxModel model, string sum, string norm, bool givesSum, EditScript script, List<GraphEdit> redirects)
    {
        var add = model.Graph.Nodes.Single(n => n.Outputs[0] == sum);
        var layer = norm.Split('.');
        var values = $"/model/{(layer[0] == "layers" ? $"layers.{layer[1]}/{layer[2]}" : norm)}/";
        ImmutableArray<string> outputs = givesSum ? [sum + ".norm", "", "", sum + ".fused"] : [sum + ".norm"];
        script.Add(Stage, new GraphEdit.AddNode(new NodeSpec(
            "SkipSimplifiedLayerNormalization", [.. add.Inputs, $"model.{norm}.weight"], outputs, sum + ".norm", "com.microsoft",
            ImmutableDictionary<string, object>.Empty.Add("epsilon", 1e-5f))));
        redirects.Add(new GraphEdit.RedirectReaders(values + "Mul_1_output_0", sum + ".norm"));
        redirects.Add(new GraphEdit.RedirectReaders(values + "Cast_output_0", sum + ".fused"));
        redirects.Add(new GraphEdit.RedirectReaders(sum, sum + ".fused"));
    }
}
