using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>Moves the nodes of each block, or of each norm, into a model-local function; equal bodies become one function.</summary>
internal static class LocalFunctions
{
    private const string Domain = "pkg.torch.__subgraph__";

    public static void Apply(ModelProto model, DecoderContext decoder)
    {
        var form = decoder.Spec.Form.Functions;
        if (form == FunctionForm.None) return;
        var graph = model.Graph;
        var nodes = decoder.Graph.Nodes;
        var groups = nodes.GroupBy(n => Key(n, form, decoder.Spec.Form.Modules), StringComparer.Ordinal)
            .Where(g => g.Key.Length > 0)
            .ToArray();
        var functions = new Dictionary<string, FunctionProto>(StringComparer.Ordinal);
        var calls = new Dictionary<NodeProto, NodeProto>();
        foreach (var group in groups)
        {
            var members = group.Select(n => n.Node).ToHashSet();
            var readElsewhere = nodes.Where(n => !members.Contains(n.Node)).SelectMany(n => n.Node.Input);
            var read = readElsewhere.Concat(graph.Output.Select(o => o.Name)).ToHashSet(StringComparer.Ordinal);
            calls[members.Last()] = Extract([.. members], read, graph, functions, $"{form}", group.First().Module, decoder.Graph);
        }

        var grouped = groups.SelectMany(g => g.Select(n => n.Node)).ToHashSet();
        var kept = nodes.Select(n => n.Node).Where(n => !grouped.Contains(n) || calls.ContainsKey(n));
        NodeProto[] rest = [.. kept.Select(n => calls.GetValueOrDefault(n, n))];
        graph.Node.Clear();
        graph.Node.Add(rest);
        model.Functions.Add(functions.Values);
        foreach (var function in functions.Values) function.OpsetImport.Add(model.OpsetImport);
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = Domain, Version = 1 });
    }

    private static string Key(WrittenNode node, FunctionForm form, ModuleNames names)
    {
        if (form == FunctionForm.PerLayer) return node.Block >= 0 ? $"{node.Block}" : "";
        var module = node.Module[(node.Module.LastIndexOf('/') + 1)..];
        return module == names.InputNorm || module == names.PostNorm || module == names.FinalNorm ? node.Module : "";
    }

    private static NodeProto Extract(
        NodeProto[] nodes,
        HashSet<string> read,
        GraphProto graph,
        Dictionary<string, FunctionProto> functions,
        string name,
        string module,
        GraphWriter writer)
    {
        var produced = nodes.SelectMany(n => n.Output).ToHashSet(StringComparer.Ordinal);
        var constants = graph.Initializer.Where(
            t => t.Name.StartsWith("val_", StringComparison.Ordinal)).ToDictionary(t => t.Name, StringComparer.Ordinal);
        var used = nodes.SelectMany(n => n.Input)
            .Where(i => i.Length > 0 && !produced.Contains(i))
            .Distinct(StringComparer.Ordinal)
            .ToArray();
        var inside = used.Where(constants.ContainsKey).ToArray();
        var inputs = used.Except(inside, StringComparer.Ordinal).ToArray();
        var outputs = nodes.SelectMany(n => n.Output).Where(read.Contains).ToArray();
        var renamed = new Dictionary<string, string>(StringComparer.Ordinal) { [""] = "" };
        for (var i = 0; i < inputs.Length; i++) renamed[inputs[i]] = $"arg_{i}";
        for (var i = 0; i < outputs.Length; i++) renamed[outputs[i]] = $"result_{i}";

        var function = new FunctionProto { Domain = Domain, Name = name };
        foreach (var constant in inside)
        {
            var node = new NodeProto { OpType = "Constant", Name = $"node_Constant_{function.Node.Count}" };
            node.Output.Add(renamed[constant] = $"const_{function.Node.Count}");
            var tensor = constants[constant].Clone();
            tensor.Name = "";
            node.Attribute.Add(new AttributeProto { Name = "value", T = tensor, Type = AttributeProto.Types.AttributeType.Tensor });
            function.Node.Add(node);
            graph.Initializer.Remove(constants[constant]);
        }

        foreach (var original in nodes) function.Node.Add(Renamed(original, renamed, function.Node.Count));
        function.Input.Add(inputs.Select(i => renamed[i]));
        function.Output.Add(outputs.Select(o => renamed[o]));
        var text = function.ToString();
        if (!functions.TryGetValue(text, out var known))
        {
            function.Name = $"{name}_{functions.Count}";
            functions[text] = known = function;
        }

        var call = new NodeProto { OpType = known.Name, Domain = Domain, Name = writer.Dialect.NodeName([], known.Name, null) };
        call.Input.Add(inputs);
        call.Output.Add(outputs);
        writer.Dialect.Annotate(call, module.Split('/'));
        return call;
    }

    private static NodeProto Renamed(NodeProto original, Dictionary<string, string> renamed, int number)
    {
        var node = original.Clone();
        node.MetadataProps.Clear();
        node.Name = $"n{number}";
        for (var i = 0; i < node.Input.Count; i++) node.Input[i] = renamed[node.Input[i]];
        for (var i = 0; i < node.Output.Count; i++)
        {
            renamed.TryAdd(node.Output[i], $"v_{renamed.Count}");
            node.Output[i] = renamed[node.Output[i]];
        }

        return node;
    }
}
