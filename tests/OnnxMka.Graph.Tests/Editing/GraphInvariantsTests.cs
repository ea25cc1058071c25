using System.Collections.Immutable;
using OnnxMka.Graph.Editing;

namespace OnnxMka.Graph.Tests.Editing;

public sealed class GraphInvariantsTests
{
    private static readonly OnnxModel Chain = TinyGraph.Model("x -> y", "w, v", "a = MatMul(x, w)", "b = Add(a, v)", "y = Relu(b)");

    private static readonly TensorRef WrongSize = new("w2", ElementType.Float, [4], new MemoryBytes(new byte[15]));

    public static IReadOnlyDictionary<string, GraphEdit[]> Breaches { get; } = new Dictionary<string, GraphEdit[]>(StringComparer.Ordinal)
    {
        ["a node that is still read is removed"] = [new GraphEdit.RemoveNode(0)],
        ["a value that nobody writes is read"] = [new GraphEdit.SetInput(1, 0, "nowhere")],
        ["a value is written twice"] = [new GraphEdit.SetOutput(1, 0, "a"), new GraphEdit.SetInput(2, 0, "a")],
        ["a cycle"] = [new GraphEdit.SetInput(0, 0, "b")],
        ["an output that nobody writes"] = [new GraphEdit.AddOutputPort("nowhere", ElementType.Float)],
        ["an output twice"] = [new GraphEdit.AddOutputPort("y", ElementType.Float)],
        ["an input that is still read is dropped"] = [new GraphEdit.DropInputPort("x")],
        ["an initializer twice"] = [new GraphEdit.AddInitializer(WrongSize with { Name = "w" }, null)],
        ["an initializer of the wrong size"] = [new GraphEdit.AddInitializer(WrongSize, null), new GraphEdit.SetInput(0, 1, "w2")],
        ["an initializer that is still read is removed"] = [new GraphEdit.RemoveInitializer("v")],
        ["two nodes of one name"] = [new GraphEdit.RenameNode(0, "same"), new GraphEdit.RenameNode(1, "same")],
        ["two values of one name"] = [new GraphEdit.RenameValues(ImmutableDictionary<string, string>.Empty.Add("a", "b"))],
        ["a port that is not there"] = [new GraphEdit.DropInputPort("nowhere")],
        ["a node that is not there"] = [new GraphEdit.RemoveNode(17)],
        ["an initializer that is not there"] = [new GraphEdit.ReplaceInitializer("nowhere", new MemoryBytes(new byte[16]))],
        ["an attribute of no known kind"] =
        [
            new GraphEdit.AddNode(new NodeSpec("Op", ["a"], ["c"], "", "", ImmutableDictionary<string, object>.Empty.Add("k", 'c'))),
        ],
    };

    [Fact]
    public void ABreachIsABugThatNamesItsStage()
    {
        var text = new StringWriter { NewLine = "\n" };
        foreach (var (name, edits) in Breaches)
        {
            var script = new EditScript();
            foreach (var edit in edits) script.Add("renumber", edit);
            var thrown = Assert.Throws<InvalidOperationException>(() => GraphEditor.Apply(Chain, script));
            Assert.StartsWith("Stage renumber", thrown.Message);
            text.WriteLine($"{name}\n    {thrown.Message}");
        }

        Golden.Check("breaches", text.ToString());
    }

    [Fact]
    public void AllStagesOfAScriptAreNamed()
    {
        var script = new EditScript();
        script.Add("fold", new GraphEdit.SetMetadata("k", "v"));
        script.Add("prune", new GraphEdit.RemoveNode(0));
        Assert.StartsWith(
            "Stage fold + prune broke the graph", Assert.Throws<InvalidOperationException>(() => GraphEditor.Apply(Chain, script)).Message);
    }

    [Fact]
    public void AGraphThatWasBrokenBeforeIsNoFaultOfAStage()
    {
        var broken = TinyGraph.Model("x -> y", "", "y = Add(x, nowhere)");
        Assert.Throws<RefusedException>(() => GraphEditor.Apply(broken, GraphEditTests.Script(new GraphEdit.SetMetadata("k", "v"))));
    }

    [Fact]
    public void NodeNamesThatWereThereTwiceMayStay()
    {
        var graph = TinyGraph.Of("x -> y", "", "a = Neg(x)", "y = Neg(a)");
        foreach (var node in graph.Node) node.Name = "twice";
        var model = TinyGraph.Model(graph);
        Assert.Equal(GraphText.Of(model), GraphText.Of(GraphEditor.Apply(model, new EditScript())));
    }

    [Fact]
    public void AGraphOutOfOrderIsPutIntoOrder()
    {
        var model = TinyGraph.Model("x -> y", "", "y = Neg(a)", "a = Exp(x)");
        Assert.Throws<InvalidOperationException>(() => GraphInvariants.Check(model, "reader"));
        Assert.Equal(
            ["input x", "output y", "node a = Exp(x)", "node y = Neg(a)"], TinyGraph.Lines(GraphEditor.Apply(model, new EditScript())));
    }

    [Fact]
    public void TheOrderIsTheFilesOwnWhereThatRuns()
    {
        var model = TinyGraph.Model("x -> y, z", "", "b = Exp(x)", "a = Neg(x)", "z = Neg(b)", "y = Neg(a)");
        Assert.Equal([0, 1, 2, 3], GraphIndex.Of(model.Graph).Order.Select(n => n.Index));
    }

    [Fact]
    public void ReadersAreFoundWithTheirSlots()
    {
        var graph = TinyGraph.Of("x -> y", "", "a = Exp(x)", "b = Add(a, a)", "y = If(b)").With(
            2, "then_branch", TinyGraph.Of(" -> t", "", "t = Neg(a)"));
        var index = GraphIndex.Of(TinyGraph.Model(graph).Graph);
        Assert.Equal([(1, 0), (1, 1), (2, -1)], index.Readers("a").Select(r => (r.Node.Index, r.Slot)));
        Assert.Equal(0, index.Producer("a")!.Index);
        Assert.Null(index.Producer("x"));
        Assert.Empty(index.Readers("y"));
        Assert.True(index.IsOutput("y") && index.IsInput("x") && !index.IsInitializer("x"));
    }
}
