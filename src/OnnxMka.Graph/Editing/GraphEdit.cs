using System.Collections.Immutable;

namespace OnnxMka.Graph.Editing;

/// <summary>The closed set of changes that can be made to a graph. Nodes are named by their index in the graph that is edited.</summary>
public abstract record GraphEdit
{
    private GraphEdit()
    {
    }

    /// <summary>Input <paramref name="Slot"/> of a node reads <paramref name="Value"/> instead; <c>""</c> leaves the input out.</summary>
    public sealed record SetInput(int Node, int Slot, string Value) : GraphEdit;

    /// <summary>
    /// Output <paramref name="Slot"/> of a node is called <paramref name="Value"/>; the list is extended where it is too short.
    /// </summary>
    public sealed record SetOutput(int Node, int Slot, string Value) : GraphEdit;

    /// <summary>Everything that reads <paramref name="From"/>, subgraphs included, reads <paramref name="To"/>.</summary>
    public sealed record RedirectReaders(string From, string To) : GraphEdit;

    /// <summary>Removes a node that nothing reads any more.</summary>
    public sealed record RemoveNode(int Node) : GraphEdit;

    /// <summary>Appends a node of the ONNX standard domain or another that the model imports.</summary>
    public sealed record AddNode(NodeSpec Node) : GraphEdit;

    /// <summary>The node becomes another operator: type, domain, inputs, outputs and attributes of <paramref name="Spec"/>.</summary>
    public sealed record RewriteNode(int Node, NodeSpec Spec) : GraphEdit;

    /// <summary>A number of a node is <paramref name="Value"/>, whether it had that attribute or not.</summary>
    public sealed record SetFloat(int Node, string Attribute, float Value) : GraphEdit;

    public sealed record DropInputPort(string Name) : GraphEdit;

    public sealed record DropOutputPort(string Name) : GraphEdit;

    /// <summary>Appends a graph output without a shape.</summary>
    public sealed record AddOutputPort(string Name, ElementType Type) : GraphEdit;

    /// <summary>Appends a graph input; dimensions are numbers or symbols, null leaves the shape open.</summary>
    public sealed record AddInputPort(string Name, ElementType Type, ImmutableArray<string>? Dimensions) : GraphEdit;

    /// <summary>An input or output of the graph has another size along one axis.</summary>
    public sealed record ResizePort(string Name, int Axis, long Size) : GraphEdit;

    /// <summary>New bytes for an initializer; element type and shape stay.</summary>
    public sealed record ReplaceInitializer(string Name, TensorContent Content) : GraphEdit;

    /// <summary>Another tensor of the same name: other sizes, other bytes; the element type stays.</summary>
    public sealed record ResizeInitializer(string Name, ImmutableArray<long> Shape, TensorContent Content) : GraphEdit;

    /// <summary>What the file says of types and shapes of values goes: they are worked out anew by whoever runs the graph.</summary>
    public sealed record ForgetShapes(ImmutableHashSet<string> Values) : GraphEdit;

    /// <summary>Appends an initializer. <paramref name="Like"/> names the tensor whose place (inside, data file) it takes after.</summary>
    public sealed record AddInitializer(TensorRef Tensor, string? Like) : GraphEdit;

    public sealed record RemoveInitializer(string Name) : GraphEdit;

    /// <summary>All values of the map change their names at once, everywhere: nodes, subgraphs, ports, initializers, value_info.</summary>
    public sealed record RenameValues(ImmutableDictionary<string, string> Names) : GraphEdit;

    public sealed record RenameNode(int Node, string Name) : GraphEdit;

    /// <summary>Sets a model metadata entry; null removes it.</summary>
    public sealed record SetMetadata(string Key, string? Value) : GraphEdit;
}

/// <summary>A node to be written: attribute values are long, float, string, long[] or TensorRef in memory.</summary>
public sealed record NodeSpec(
    string OpType,
    ImmutableArray<string> Inputs,
    ImmutableArray<string> Outputs,
    string Name,
    string Domain = "",
    ImmutableDictionary<string, object>? Attributes = null);

/// <summary>Ordered edits and the stage that asked for each.</summary>
public sealed class EditScript
{
    private readonly List<(string Stage, GraphEdit Edit)> _edits = [];

    public IReadOnlyList<(string Stage, GraphEdit Edit)> Edits => _edits;

    public void Add(string stage, GraphEdit edit) => _edits.Add((stage, edit));

    /// <summary>What an input of a node will read after the edits so far; <c>""</c> where it is left out.</summary>
    public string InputOf(OnnxNode node, int slot)
    {
        var set = _edits.Select(e => e.Edit).OfType<GraphEdit.SetInput>().LastOrDefault(e => e.Node == node.Index && e.Slot == slot);
        return set?.Value ?? (slot < node.Inputs.Length ? node.Inputs[slot] : "");
    }

    public void Append(EditScript other) => _edits.AddRange(other._edits);
}
