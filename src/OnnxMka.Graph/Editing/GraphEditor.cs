using Google.Protobuf;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Editing;

/// <summary>
/// Applies an <see cref="EditScript"/> to a clone: whole or nothing, the original is never touched. Afterwards what the edits
/// left unread (and nothing that was unread before) is removed, and the invariants are checked.
/// </summary>
public static class GraphEditor
{
    /// <summary>
    /// A new model. Refuses a graph that was broken before; an edit that breaks an invariant is a bug of its stage, and the exception names
    /// it.
    /// </summary>
    public static OnnxModel Apply(OnnxModel model, EditScript script)
    {
        GraphIndex.Of(model.Graph);
        var proto = model.Proto.Clone();
        var dead = DeadNodes.Find(proto.Graph);
        var session = new EditSession(proto, [.. model.Payloads]);
        foreach (var (stage, edit) in script.Edits)
        {
            try
            {
                session.Apply(edit);
            }
            catch (Exception e) when (e is not RefusedException)
            {
                throw new InvalidOperationException($"Stage {stage}, {edit}: {e.Message}", e);
            }
        }

        session.RemoveDeletedNodes();
        dead.Sweep(proto.Graph);
        ValueInfoSweep(proto.Graph);
        var stages = string.Join(" + ", script.Edits.Select(e => e.Stage).Distinct(StringComparer.Ordinal));
        try
        {
            var edited = InRunnableOrder(new OnnxModel(model.Path, proto, session.Payloads), session.Payloads);
            GraphInvariants.Check(edited, stages, model);
            return edited;
        }
        catch (RefusedException e)
        {
            throw GraphInvariants.Broken(stages, e);
        }
    }

    /// <summary>Added nodes stand at the end of the list; they move to where they can run. A graph in order stays as it is.</summary>
    private static OnnxModel InRunnableOrder(OnnxModel model, List<TensorContent> payloads)
    {
        var order = GraphIndex.Of(model.Graph).Order;
        if (order.Select((n, i) => n.Index == i).All(inPlace => inPlace)) return model;
        model.Proto.Graph.Node.Clear();
        model.Proto.Graph.Node.AddRange(order.Select(n => n.Proto));
        return new OnnxModel(model.Path, model.Proto, payloads);
    }

    private static void ValueInfoSweep(GraphProto graph)
    {
        var written = graph.Node.SelectMany(n => n.Output)
            .Concat(graph.Initializer.Select(i => i.Name))
            .Concat(graph.Input.Select(i => i.Name))
            .ToHashSet(StringComparer.Ordinal);
        Keep(graph.ValueInfo, v => written.Contains(v.Name));
        Keep(graph.QuantizationAnnotation, a => written.Contains(a.TensorName));
    }

    internal static void Keep<T>(Google.Protobuf.Collections.RepeatedField<T> list, Func<T, bool> wanted)
    {
        var kept = list.Where(wanted).ToArray();
        if (kept.Length == list.Count) return;
        list.Clear();
        list.AddRange(kept);
    }
}

/// <summary>A model under change: only <see cref="GraphEditor"/> holds one.</summary>
internal sealed class EditSession(ModelProto proto, List<TensorContent> payloads)
{
    /// <summary>Models of older IR versions list every initializer among the graph inputs.</summary>
    public const int FirstWithoutInitializerPorts = 4;

    private readonly GraphProto _graph = proto.Graph;
    private readonly NodeProto[] _nodes = [.. proto.Graph.Node];
    private readonly HashSet<NodeProto> _deleted = new(ReferenceEqualityComparer.Instance);

    public List<TensorContent> Payloads { get; } = payloads;

    public void Apply(GraphEdit edit)
    {
        switch (edit)
        {
            case GraphEdit.SetInput e: Set(_nodes[e.Node].Input, e.Slot, e.Value); break;
            case GraphEdit.SetOutput e: Set(_nodes[e.Node].Output, e.Slot, e.Value); break;
            case GraphEdit.RedirectReaders e: ValueNames.RedirectReaders(_graph, e.From, e.To); break;
            case GraphEdit.RemoveNode e: _deleted.Add(_nodes[e.Node]); break;
            case GraphEdit.AddNode e: _graph.Node.Add(NodeSpecs.ToProto(e.Node)); break;
            case GraphEdit.RewriteNode e: Rewrite(_nodes[e.Node], e.Spec); break;
            case GraphEdit.SetFloat e: Set(_nodes[e.Node], e); break;
            case GraphEdit.DropInputPort e: Drop(_graph.Input, e.Name); break;
            case GraphEdit.DropOutputPort e: Drop(_graph.Output, e.Name); break;
            case GraphEdit.AddOutputPort e: _graph.Output.Add(NodeSpecs.Port(e.Name, e.Type, null)); break;
            case GraphEdit.AddInputPort e: _graph.Input.Add(NodeSpecs.Port(e.Name, e.Type, e.Dimensions)); break;
            case GraphEdit.ResizePort e: Resize(e); break;
            case GraphEdit.ReplaceInitializer e: SetContent(Initializer(e.Name), e.Content); break;
            case GraphEdit.ResizeInitializer e: Resize(Initializer(e.Name), e); break;
            case GraphEdit.ForgetShapes e: GraphEditor.Keep(_graph.ValueInfo, v => !e.Values.Contains(v.Name)); break;
            case GraphEdit.AddInitializer e: AddInitializer(e.Tensor, e.Like); break;
            case GraphEdit.RemoveInitializer e: RemoveInitializer(e.Name); break;
            case GraphEdit.RenameValues e: ValueNames.Rename(_graph, e.Names); break;
            case GraphEdit.RenameNode e: _nodes[e.Node].Name = e.Name; break;
            case GraphEdit.SetMetadata e: SetMetadata(e.Key, e.Value); break;
            default: throw new NotSupportedException(edit.GetType().Name);
        }
    }

    public void RemoveDeletedNodes() => GraphEditor.Keep(_graph.Node, n => !_deleted.Contains(n));

    private static void Set(Google.Protobuf.Collections.RepeatedField<string> list, int slot, string value)
    {
        while (list.Count <= slot) list.Add("");
        list[slot] = value;
        while (list.Count > 0 && list[^1].Length == 0) list.RemoveAt(list.Count - 1);
    }

    private static void Set(NodeProto node, GraphEdit.SetFloat edit)
    {
        GraphEditor.Keep(node.Attribute, a => a.Name != edit.Attribute);
        node.Attribute.Add(new AttributeProto { Name = edit.Attribute, Type = AttributeProto.Types.AttributeType.Float, F = edit.Value });
    }

    private static void Rewrite(NodeProto node, NodeSpec spec)
    {
        var replacement = NodeSpecs.ToProto(spec);
        node.OpType = replacement.OpType;
        node.Domain = replacement.Domain;
        node.Input.Clear();
        node.Input.AddRange(replacement.Input);
        node.Output.Clear();
        node.Output.AddRange(replacement.Output);
        node.Attribute.Clear();
        node.Attribute.AddRange(replacement.Attribute);
    }

    private static void Drop(Google.Protobuf.Collections.RepeatedField<ValueInfoProto> ports, string name) =>
        ports.Remove(ports.FirstOrDefault(p => p.Name == name) ?? throw new InvalidOperationException($"there is no port '{name}'"));

    private TensorProto Initializer(string name) =>
        _graph.Initializer.FirstOrDefault(i => i.Name == name) ?? throw new InvalidOperationException($"there is no initializer '{name}'");

    private void AddInitializer(TensorRef tensor, string? like)
    {
        var added = new TensorProto { Name = tensor.Name, DataType = (int)tensor.Type };
        added.Dims.AddRange(tensor.Shape);
        if (like is not null && Initializer(like) is { DataLocation: TensorProto.Types.DataLocation.External } model)
        {
            added.DataLocation = TensorProto.Types.DataLocation.External;
            added.ExternalData.AddRange(model.ExternalData.Where(e => e.Key == "location").Select(e => e.Clone()));
        }

        SetContent(added, tensor.Content);
        _graph.Initializer.Add(added);
        if (proto.IrVersion < FirstWithoutInitializerPorts)
            _graph.Input.Add(NodeSpecs.Port(tensor.Name, tensor.Type, [.. tensor.Shape.Select(d => d.ToString())]));
    }

    private void Resize(TensorProto tensor, GraphEdit.ResizeInitializer edit)
    {
        tensor.Dims.Clear();
        tensor.Dims.AddRange(edit.Shape);
        SetContent(tensor, edit.Content);
        GraphEditor.Keep(_graph.ValueInfo, v => v.Name != edit.Name);
        if (_graph.Input.FirstOrDefault(i => i.Name == edit.Name) is not { } port) return;
        var like = NodeSpecs.Port(edit.Name, (ElementType)tensor.DataType, [.. edit.Shape.Select(d => d.ToString())]);
        port.Type = like.Type;
    }

    private void Resize(GraphEdit.ResizePort edit)
    {
        var port = _graph.Input.Concat(_graph.Output).FirstOrDefault(p => p.Name == edit.Name)
            ?? throw new InvalidOperationException($"there is no port '{edit.Name}'");
        port.Type.TensorType.Shape.Dim[edit.Axis] = new TensorShapeProto.Types.Dimension { DimValue = edit.Size };
    }

    private void RemoveInitializer(string name)
    {
        _graph.Initializer.Remove(Initializer(name));
        GraphEditor.Keep(_graph.Input, i => i.Name != name);
    }

    private void SetContent(TensorProto tensor, TensorContent content)
    {
        tensor.FloatData.Clear();
        tensor.DoubleData.Clear();
        tensor.Int32Data.Clear();
        tensor.Int64Data.Clear();
        tensor.Uint64Data.Clear();
        tensor.ClearRawData();
        tensor.ClearPayload();
        var external = tensor.DataLocation == TensorProto.Types.DataLocation.External;
        if (content is MemoryBytes memory && memory.Length < ModelScanner.InlineLimit && !external)
        {
            tensor.RawData = ByteString.CopyFrom(memory.Bytes.Span);
            return;
        }

        Payloads.Add(content);
        tensor.Payload = (uint)Payloads.Count;
    }

    private void SetMetadata(string key, string? value)
    {
        var entry = proto.MetadataProps.FirstOrDefault(p => p.Key == key);
        if (entry is not null && value is null) proto.MetadataProps.Remove(entry);
        else if (entry is not null) entry.Value = value;
        else if (value is not null) proto.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });
    }
}
