using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Rewriting;
using OnnxMka.Structure;

namespace OnnxMka.Compensation;

/// <summary>A parameter of one block with other values, and other sizes where it was cut.</summary>
/// <param name="Shape">As it is stored.</param>
/// <param name="Content">In the parameter's own type.</param>
internal sealed record Revision(BlockParameter Parameter, ImmutableArray<long> Shape, TensorContent Content)
{
    /// <summary>The matrix that is multiplied before it, where the two are a pair in place of one; null for none.</summary>
    public PairFirst? First { get; init; }

    /// <summary>True where any of it lies in memory.</summary>
    public bool InMemory => Content is MemoryBytes || First?.Content is MemoryBytes;

    /// <summary>The same with what lies in memory put elsewhere.</summary>
    public Revision Moved(Func<ReadOnlyMemory<byte>, TensorContent> move) => this with
    {
        Content = Content is MemoryBytes own ? move(own.Bytes) : Content,
        First = First is { Content: MemoryBytes first } ? First with { Content = move(first.Bytes) } : First,
    };

    /// <summary>Adds what puts it in the parameter's place, copy on write.</summary>
    /// <param name="suffix">Ends the names of new tensors, unique in the script.</param>
    public void AddTo(EditScript script, BlockMap map, GraphIndex index, string suffix, string stage)
    {
        var tensor = map.Tensor(Parameter.Initializer);
        if (tensor.Shape.SequenceEqual(Shape)) ParameterEdit.Replace(map, index, Parameter, Content, suffix, script, stage);
        else ParameterEdit.Resize(map, index, Parameter, Shape, Content, suffix, script, stage);
        First?.AddTo(script, map, index, Parameter, stage);
    }
}

/// <summary>
/// The first of two matrices in place of one: <code>x W  ->  (x A) B</code>
/// </summary>
/// <param name="Shape">Of A: [in, rank].</param>
/// <param name="Input">What A multiplies.</param>
/// <param name="Value">x A.</param>
internal sealed record PairFirst(ImmutableArray<long> Shape, TensorContent Content, string Input, string Value)
{
    /// <summary>Adds A and its product, which the weight's node then reads.</summary>
    public void AddTo(EditScript script, BlockMap map, GraphIndex index, BlockParameter second, string stage)
    {
        var tensor = map.Tensor(second.Initializer);
        var name = $"{second.Initializer}/first";
        script.Add(
            stage,
            new GraphEdit.AddInitializer(
                new TensorRef(name, tensor.Type, Shape, Content),
                index.IsInitializer(second.Initializer) ? second.Initializer : null));
        var read = name;
        foreach (var cast in second.Use.Chain.Select(i => map.Model.Graph.Nodes[i]).Where(n => n.OpType == "Cast").Reverse())
        {
            var attributes = ImmutableDictionary<string, object>.Empty.Add("to", cast.Int("to", (long)ElementType.Float));
            var value = $"{read}/cast";
            script.Add(stage, new GraphEdit.AddNode(new NodeSpec("Cast", [read], [value], value, Attributes: attributes)));
            read = value;
        }

        script.Add(stage, new GraphEdit.AddNode(new NodeSpec("MatMul", [Input, read], [Value], Value)));
        script.Add(stage, new GraphEdit.SetInput(second.Use.Node, 0, Value));
    }
}
