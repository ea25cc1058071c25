using System.Text;
using Google.Protobuf;
using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>A node of the graph under construction, and the block that it belongs to; -1 outside the blocks.</summary>
internal sealed record WrittenNode(NodeProto Node, int Block, string Module);

/// <summary>Collects nodes and initializers in order; names come from the dialect and the module scope that is open.</summary>
internal sealed class GraphWriter(GraphForm form)
{
    public const string Contrib = "com.microsoft";

    private readonly List<string> _scope = [];
    private readonly Dictionary<string, TensorProto> _initializers = new(StringComparer.Ordinal);
    private int _block = -1;

    public GraphForm Form { get; } = form;

    public Dialect Dialect { get; } = Dialect.Of(form);

    public List<WrittenNode> Nodes { get; } = [];

    /// <summary>In the order in which they were first written.</summary>
    public IReadOnlyCollection<TensorProto> Initializers => _initializers.Values;

    /// <summary>Types and shapes of inner values, where the exporter tells them.</summary>
    public List<ValueInfoProto> Described { get; } = [];

    public ElementType Type => Form.Type;

    /// <summary>Opens a module; dots in the path are part of the names (<c>layers.3</c>), slashes separate modules.</summary>
    public Restore In(string module)
    {
        var parts = module.Split('/', StringSplitOptions.RemoveEmptyEntries);
        _scope.AddRange(parts);
        var depth = parts.Length;
        return new Restore(() => _scope.RemoveRange(_scope.Count - depth, depth));
    }

    public Restore InBlock(int block, string module)
    {
        var (outer, scope) = (_block, In(module));
        _block = block;
        return new Restore(() =>
        {
            scope.Dispose();
            _block = outer;
        });
    }

    /// <summary>Leaves all modules: for what is shared by the blocks but first asked for inside one.</summary>
    public Restore Outside(string module)
    {
        var (block, scope) = (_block, _scope.ToArray());
        _block = -1;
        _scope.Clear();
        _scope.AddRange(module.Split('/', StringSplitOptions.RemoveEmptyEntries));
        return new Restore(() =>
        {
            _block = block;
            _scope.Clear();
            _scope.AddRange(scope);
        });
    }

    /// <summary>A node with one output, of the standard domain.</summary>
    public string Op(string op, ReadOnlySpan<string> inputs, params ReadOnlySpan<(string Name, object Value)> attributes) =>
        Call(op, "", inputs, [null], attributes)[0];

    /// <summary>A node with one output, of the com.microsoft domain.</summary>
    public string ContribOp(string op, ReadOnlySpan<string> inputs, params ReadOnlySpan<(string Name, object Value)> attributes) =>
        Call(op, Contrib, inputs, [null], attributes)[0];

    /// <summary>A node with the outputs given: null for a name from the dialect, <c>""</c> for none.</summary>
    public string[] Call(
        string op,
        string domain,
        ReadOnlySpan<string> inputs,
        ReadOnlySpan<string?> outputs,
        ReadOnlySpan<(string Name, object Value)> attributes,
        string? label = null)
    {
        var node = new NodeProto { OpType = op, Name = Dialect.NodeName(_scope, op, label) };
        if (domain.Length > 0) node.Domain = domain;
        var last = inputs.Length;
        while (last > 0 && inputs[last - 1].Length == 0) last--;
        foreach (var input in inputs[..last]) node.Input.Add(input);
        for (var i = 0; i < outputs.Length; i++) node.Output.Add(outputs[i] ?? Dialect.ValueName(node.Name, op, i));
        foreach (var (name, value) in attributes) node.Attribute.Add(Attribute(name, value));
        Dialect.Annotate(node, _scope);
        Nodes.Add(new WrittenNode(node, _block, string.Join('/', _scope)));
        return [.. node.Output];
    }

    /// <summary>Gives a value that nothing has read yet the name of a graph output.</summary>
    public string Rename(string value, string output)
    {
        var producer = Nodes.FindLast(n => n.Node.Output.Contains(value))!.Node;
        producer.Output[producer.Output.IndexOf(value)] = output;
        return output;
    }

    public string Ints(params ReadOnlySpan<long> values) => Dialect.Constant(this, Tensors.Ints(values));

    public string Int(long value) => Dialect.Constant(this, Tensors.Ints([value], scalar: true));

    /// <summary>A float scalar of the model's type.</summary>
    public string Float(float value) => Float(value, Type);

    public string Float(float value, ElementType type) => Dialect.Constant(this, Tensors.Floats(type, [value]));

    public string ConstantNode(TensorProto tensor) => Call("Constant", "", [], [null], [("value", tensor)])[0];

    public void ConstantNode(TensorProto tensor, string node, string value)
    {
        var proto = new NodeProto { OpType = "Constant", Name = node };
        proto.Output.Add(value);
        proto.Attribute.Add(Attribute("value", tensor));
        Nodes.Add(new WrittenNode(proto, -1, ""));
    }

    /// <summary>Adds an initializer, once however often it is asked for.</summary>
    public string Initializer(string name, TensorProto tensor)
    {
        tensor.Name = name;
        if (!_initializers.TryAdd(name, tensor) && !_initializers[name].Equals(tensor))
            throw new InvalidOperationException($"Two different initializers are called {name}");
        return name;
    }

    public string Weight(string name, WeightTensor tensor) => Weight(name, tensor, Type);

    public string Weight(string name, WeightTensor tensor, ElementType type) =>
        Initializer(name, Tensors.Floats(type, tensor.Span, tensor.Shape.AsSpan()));

    private static AttributeProto Attribute(string name, object value) => value switch
    {
        long i => new AttributeProto { Name = name, I = i, Type = AttributeProto.Types.AttributeType.Int },
        int i => new AttributeProto { Name = name, I = i, Type = AttributeProto.Types.AttributeType.Int },
        float f => new AttributeProto { Name = name, F = f, Type = AttributeProto.Types.AttributeType.Float },
        string s => new AttributeProto
        {
            Name = name,
            S = ByteString.CopyFrom(s, Encoding.UTF8),
            Type = AttributeProto.Types.AttributeType.String,
        },
        long[] ints => new AttributeProto { Name = name, Ints = { ints }, Type = AttributeProto.Types.AttributeType.Ints },
        TensorProto t => new AttributeProto { Name = name, T = t, Type = AttributeProto.Types.AttributeType.Tensor },
        GraphProto g => new AttributeProto { Name = name, G = g, Type = AttributeProto.Types.AttributeType.Graph },
        _ => throw new NotSupportedException($"Attribute {name} of {value.GetType()}"),
    };

    /// <summary>Goes back to the scope before, at the end of a using block.</summary>
    internal readonly struct Restore(Action undo) : IDisposable
    {
        public void Dispose() => undo();
    }
}
