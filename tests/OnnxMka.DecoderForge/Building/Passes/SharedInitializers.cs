using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>
/// Keeps one of several equal float weights. TorchScript feeds the others' names through Identity nodes; the ORT optimizer rewires
/// their readers.
/// </summary>
internal static class SharedInitializers
{
    public static void Apply(GraphProto graph, SharingForm form)
    {
        if (form == SharingForm.None) return;
        var kept = new Dictionary<string, string>(StringComparer.Ordinal);
        var replaced = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var tensor in graph.Initializer.Where(
            t => (ElementType)t.DataType is ElementType.Float or ElementType.Float16 && t.Dims.Count > 0))
        {
            var content = $"{tensor.DataType}:{string.Join(',', tensor.Dims)}:{tensor.RawData.ToBase64()}";
            if (!kept.TryAdd(content, tensor.Name)) replaced[tensor.Name] = kept[content];
        }

        foreach (var tensor in graph.Initializer.Where(t => replaced.ContainsKey(t.Name)).ToArray()) graph.Initializer.Remove(tensor);
        if (form == SharingForm.Direct) Rewire(graph, replaced);
        else AddIdentities(graph, replaced);
    }

    private static void Rewire(GraphProto graph, Dictionary<string, string> replaced)
    {
        foreach (var node in graph.Node)
        {
            for (var i = 0; i < node.Input.Count; i++) node.Input[i] = replaced.GetValueOrDefault(node.Input[i], node.Input[i]);
        }
    }

    private static void AddIdentities(GraphProto graph, Dictionary<string, string> replaced)
    {
        var number = 0;
        foreach (var (name, source) in replaced)
        {
            var node = new NodeProto { OpType = "Identity", Name = $"Identity_{number}" };
            node.Input.Add(source);
            node.Output.Add(name);
            graph.Node.Insert(number++, node);
        }
    }
}
