using Google.Protobuf;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Tests.Hostile;

public sealed class HostileGraphsTests : IDisposable
{
    private readonly TestFolder _folder = TestFolder.Create();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void GraphsThatCannotRunAreRefused()
    {
        var refusals = new Refusals(_folder);
        Expect(refusals, "a node that reads itself", TinyGraph.Of("x -> y", "", "y = Add(x, y)"));
        Expect(refusals, "a cycle of three", TinyGraph.Of("x -> y", "", "a = Add(x, c)", "b = Neg(a)", "c = Neg(b)", "y = Neg(x)"));
        Expect(
            refusals,
            "a cycle through a subgraph",
            TinyGraph.Of("x -> y", "", "y = If(x)").With(0, "then_branch", TinyGraph.Of(" -> t", "", "t = Neg(y)")));
        Expect(refusals, "a value that nothing writes", TinyGraph.Of("x -> y", "", "y = Add(x, nowhere)"));
        Expect(
            refusals,
            "the same in a subgraph",
            TinyGraph.Of("x -> y", "", "y = If(x)").With(0, "then_branch", TinyGraph.Of(" -> t", "", "t = Neg(nowhere)")));
        Expect(refusals, "an output that nothing writes", TinyGraph.Of("x -> y, z", "", "y = Neg(x)"));
        Expect(refusals, "a sparse weight", SparseWeight());
        Golden.Check("cannot-run", refusals.ToString());
    }

    [Fact]
    public void NamesThatAreThereTwiceAreRefused()
    {
        var refusals = new Refusals(_folder);
        Expect(refusals, "two initializers", TinyGraph.Of("x -> y", "w, w", "y = Add(x, w)"));
        Expect(
            refusals,
            "two initializers of a subgraph",
            TinyGraph.Of("x -> y", "", "y = If(x)").With(0, "then_branch", TinyGraph.Of(" -> t", "w, w", "t = Neg(w)")));
        Expect(refusals, "two nodes that write one value", TinyGraph.Of("x -> y", "", "a = Neg(x)", "a = Exp(x)", "y = Neg(a)"));
        Expect(refusals, "one node that writes a value twice", TinyGraph.Of("x -> y", "", "a, a = Split(x)", "y = Neg(a)"));
        Expect(refusals, "a node that writes an input", TinyGraph.Of("x -> y", "", "x = Neg(x)", "y = Neg(x)"));
        Expect(refusals, "a node that writes an initializer", TinyGraph.Of("x -> y", "w", "w = Neg(x)", "y = Neg(w)"));
        Expect(refusals, "two inputs", TinyGraph.Of("x, x -> y", "", "y = Neg(x)"));
        Expect(refusals, "two outputs", TinyGraph.Of("x -> y, y", "", "y = Neg(x)"));
        Expect(refusals, "two attributes", TwoAttributes(TinyGraph.Of("x -> y", "", "y = Neg(x)")));
        Expect(refusals, "two attributes in a list of subgraphs", InList(TwoAttributes(TinyGraph.Of(" -> t", "", "t = Neg(x)"))));
        Golden.Check("twice", refusals.ToString());
    }

    [Fact]
    public void ASecondMessageWhereThereCanBeOneIsRefused()
    {
        var attribute = new AttributeProto { Name = "value", T = TinyGraph.Weight("t") };
        byte[] twoTensors =
        [
            .. new NodeProto { OpType = "Constant", Output = { "y" } }.ToByteArray(),
            .. WireBytes.Delimited(5, [.. attribute.ToByteArray(), .. attribute.ToByteArray()]),
        ];
        byte[] graph = [.. TinyGraph.Of("x -> y", "").ToByteArray(), .. WireBytes.Delimited(1, twoTensors)];
        new Refusals(_folder).Expect("MKA001", "two tensors in one attribute", WireBytes.Delimited(7, graph));
    }

    [Fact]
    public void HostileNamesOfNodesAndValuesAreShownHarmless()
    {
        var refusals = new Refusals(_folder);
        var graph = TinyGraph.Of("x -> y", "", "y = Add(x)");
        graph.Node[0].Name = "\u001b]0;title\a\u001b[2J";
        graph.Node[0].Input.Add("no\u001b[1;31mwhere\r\n\u202e" + new string('v', 10_000));
        Expect(refusals, "escapes in names", graph);
        var nameless = TinyGraph.Of("x -> y", "", "y = Add(x, nowhere)");
        nameless.Node[0].Name = "";
        nameless.Node[0].OpType = "O\u001bp";
        Expect(refusals, "escapes in a type", nameless);
        Golden.Check("escapes", refusals.ToString());
    }

    private static void Expect(Refusals refusals, string what, GraphProto graph) =>
        refusals.Expect("MKA007", what, new ModelProto { IrVersion = 8, Graph = graph });

    private static GraphProto TwoAttributes(GraphProto graph)
    {
        graph.Node[0].Attribute.AddRange([new AttributeProto { Name = "axis", I = 1 }, new AttributeProto { Name = "axis", I = 2 }]);
        return graph;
    }

    private static GraphProto InList(GraphProto subgraph)
    {
        var graph = TinyGraph.Of("x -> y", "", "y = Switch(x)");
        graph.Node[0].Attribute.Add(new AttributeProto { Name = "branches", Graphs = { subgraph } });
        return graph;
    }

    private static GraphProto SparseWeight()
    {
        var graph = TinyGraph.Of("x -> y", "", "y = Add(x, w)");
        graph.SparseInitializer.Add(new SparseTensorProto { Values = TinyGraph.Weight("w"), Dims = { 100 } });
        return graph;
    }
}
