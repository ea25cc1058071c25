using System.Collections.Immutable;
using OnnxMka.Graph.Editing;

namespace OnnxMka.Graph.Tests.Editing;

public sealed class GraphEditTests
{
    private static readonly OnnxModel Chain = TinyGraph.Model("x -> y", "w, v", "a = MatMul(x, w)", "b = Add(a, v)", "y = Relu(b)");

    [Fact]
    public void SetInputRewiresOneSlot() =>
        Expect(
            ["input x", "output y", "weight w", "node a = MatMul(x, w)", "node b = Add(a, a)", "node y = Relu(b)"],
            new GraphEdit.SetInput(1, 1, "a"));

    [Fact]
    public void SetInputToNothingLeavesTrailingInputsOut() =>
        Expect(
            ["input x", "output y", "weight w", "node a = MatMul(x, w)", "node b = Add(a)", "node y = Relu(b)"],
            new GraphEdit.SetInput(1, 1, ""));

    [Fact]
    public void SetInputBeyondTheEndFillsUp() =>
        Expect(
            ["input x", "output y", "weight v", "weight w", "node a = MatMul(x, w)", "node b = Add(a, v)", "node y = Relu(b, , a)"],
            new GraphEdit.SetInput(2, 2, "a"));

    [Fact]
    public void SetOutputNamesAnOutput() =>
        Expect(
            ["input x", "output y", "weight v", "weight w", "node a = MatMul(x, w)", "node b2 = Add(a, v)", "node y = Relu(b2)"],
            new GraphEdit.SetOutput(1, 0, "b2"),
            new GraphEdit.SetInput(2, 0, "b2"));

    [Fact]
    public void RedirectedReadersLeaveDeadNodesAndWeightsBehindWhichGo() =>
        Expect(["input x", "output y", "node y = Relu(x)"], new GraphEdit.RedirectReaders("b", "x"));

    [Fact]
    public void RemovedNodesGoEvenWhenLaterEditsTouchThem() =>
        Expect(
            ["input x", "output y", "weight w", "node a = MatMul(x, w)", "node y = Relu(a)"],
            new GraphEdit.RemoveNode(1),
            new GraphEdit.RedirectReaders("a", "x"),
            new GraphEdit.SetInput(2, 0, "a"));

    [Fact]
    public void OnlyTheRemovedOneOfTwoEqualNodesGoes()
    {
        var graph = TinyGraph.Of("x -> y", "", "a = Relu(x)", "b = Relu(x)", "y = Add(a, b)");
        graph.Node[1] = graph.Node[0].Clone();
        graph.Node[1].Output[0] = "";
        graph.Node[0].Output[0] = "";
        graph.Node[2].Input.Clear();
        graph.Node[2].Input.Add("x");
        var script = Script(new GraphEdit.RemoveNode(0));
        Assert.Equal(
            ["input x", "output y", "node = Relu(x)", "node y = Add(x)"],
            TinyGraph.Lines(GraphEditor.Apply(TinyGraph.Model(graph), script)));
    }

    [Fact]
    public void AnAddedNodeStandsWhereItCanRun()
    {
        var spec = new NodeSpec(
            "Scale",
            ["a"],
            ["a2"],
            "scale",
            "my.domain",
            ImmutableDictionary<string,
            object>.Empty.Add("alpha", 0.5f).Add("axes", new long[] { 1, 2 }).Add("mode", "up").Add("times", 3L));
        Expect(
            [
                "input x",
                "output y",
                "weight v",
                "weight w",
                "node a = MatMul(x, w)",
                "node a2 = my.domain.Scale(a) {alpha=0.5, axes=[1,2], mode='up', times=3}",
                "node b = Add(a2, v)",
                "node y = Relu(b)",
            ],
            new GraphEdit.AddNode(spec),
            new GraphEdit.SetInput(1, 0, "a2"));
    }

    [Fact]
    public void ARewrittenNodeKeepsItsNameAndPlace()
    {
        var edited = GraphEditor.Apply(Chain, Script(new GraphEdit.RewriteNode(1, new NodeSpec("Identity", ["a"], ["b"], "ignored"))));
        Assert.Equal(
            ["input x", "output y", "weight w", "node a = MatMul(x, w)", "node b = Identity(a)", "node y = Relu(b)"],
            TinyGraph.Lines(edited));
        Assert.Equal(Chain.Graph.Nodes[1].Name, edited.Graph.Nodes[1].Name);
    }

    [Fact]
    public void PortsAreAddedAndDropped() =>
        Expect(
            ["input p int64[1,seq]", "output b", "weight v", "node b = Add(p, v)"],
            new GraphEdit.AddOutputPort("b", ElementType.Float),
            new GraphEdit.DropOutputPort("y"),
            new GraphEdit.AddInputPort("p", ElementType.Int64, ["1", "seq"]),
            new GraphEdit.DropInputPort("x"),
            new GraphEdit.SetInput(1, 0, "p"));

    [Fact]
    public void AReplacedInitializerKeepsTypeAndShape()
    {
        var ones = new byte[16];
        ones.AsSpan().Fill(1);
        var edited = GraphEditor.Apply(Chain, Script(new GraphEdit.ReplaceInitializer("w", new MemoryBytes(ones))));
        Assert.Equal(ones, TensorBytes.Of(edited)["w"]);
        Assert.Equal(TinyGraph.Lines(Chain), TinyGraph.Lines(edited));
    }

    [Fact]
    public void AnAddedInitializerIsReadAndTheOldOneGoes()
    {
        var bytes = Enumerable.Range(0, 16).Select(i => (byte)i).ToArray();
        var tensor = new TensorRef("w2", ElementType.Float, [4], new MemoryBytes(bytes));
        var edited = GraphEditor.Apply(Chain, Script(new GraphEdit.AddInitializer(tensor, "w"), new GraphEdit.SetInput(0, 1, "w2")));
        Assert.Equal(["v", "w2"], edited.Graph.Initializers.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(bytes, TensorBytes.Of(edited)["w2"]);
    }

    [Fact]
    public void ARemovedInitializerIsGone()
    {
        var edited = GraphEditor.Apply(Chain, Script(new GraphEdit.RemoveInitializer("v"), new GraphEdit.SetInput(1, 1, "a")));
        Assert.Equal(["w"], edited.Graph.Initializers.Keys);
    }

    [Fact]
    public void NamesChangeAllAtOnce()
    {
        var names = ImmutableDictionary<string, string>.Empty.Add("x", "y").Add("y", "x").Add("w", "v").Add("v", "w");
        Expect(
            ["input y", "output x", "weight v", "weight w", "node a = MatMul(y, v)", "node b = Add(a, w)", "node x = Relu(b)"],
            new GraphEdit.RenameValues(names));
    }

    [Fact]
    public void RenamingReachesValueInfoAndQuantizationAnnotations()
    {
        var graph = Chain.Proto.Graph.Clone();
        graph.ValueInfo.Add(SmallModel.Port("a"));
        graph.QuantizationAnnotation.Add(
            new Proto.TensorAnnotation
            {
                TensorName = "a",
                QuantParameterTensorNames = { new Proto.StringStringEntryProto { Key = "SCALE_TENSOR", Value = "w" } },
            });
        var names = ImmutableDictionary<string, string>.Empty.Add("a", "a1").Add("w", "w1");
        var edited = GraphEditor.Apply(TinyGraph.Model(graph), Script(new GraphEdit.RenameValues(names)));
        Assert.Equal("a1", edited.Proto.Graph.ValueInfo.Single().Name);
        Assert.Equal("a1", edited.Proto.Graph.QuantizationAnnotation.Single().TensorName);
        Assert.Equal("w1", edited.Proto.Graph.QuantizationAnnotation.Single().QuantParameterTensorNames.Single().Value);
    }

    [Fact]
    public void ValueInfoOfWhatIsGoneGoes()
    {
        var graph = Chain.Proto.Graph.Clone();
        graph.ValueInfo.AddRange([SmallModel.Port("a"), SmallModel.Port("b"), SmallModel.Port("x")]);
        var edited = GraphEditor.Apply(TinyGraph.Model(graph), Script(new GraphEdit.SetInput(1, 0, "x")));
        Assert.Equal(["b", "x"], edited.Proto.Graph.ValueInfo.Select(v => v.Name));
    }

    [Fact]
    public void NodesAreRenamed() =>
        Assert.Equal("renamed", GraphEditor.Apply(Chain, Script(new GraphEdit.RenameNode(1, "renamed"))).Graph.Nodes[1].Name);

    [Fact]
    public void MetadataAreSetChangedAndRemoved()
    {
        var once = GraphEditor.Apply(Chain, Script(new GraphEdit.SetMetadata("k", "1"), new GraphEdit.SetMetadata("l", "2")));
        var twice = GraphEditor.Apply(
            once, Script(new GraphEdit.SetMetadata("k", "3"), new GraphEdit.SetMetadata("l", null), new GraphEdit.SetMetadata("m", null)));
        Assert.Equal([KeyValuePair.Create("k", "3")], twice.Metadata);
        Assert.Empty(Chain.Metadata);
    }

    [Fact]
    public void TheOriginalIsNeverTouched()
    {
        var before = Chain.Proto.Clone();
        var ones = new byte[16];
        GraphEditor.Apply(Chain, Script(
            new GraphEdit.RenameValues(ImmutableDictionary<string, string>.Empty.Add("a", "z")),
            new GraphEdit.ReplaceInitializer("w", new MemoryBytes(ones)),
            new GraphEdit.RewriteNode(2, new NodeSpec("Tanh", ["b"], ["y"], "")),
            new GraphEdit.SetMetadata("k", "v")));
        Assert.Equal(before, Chain.Proto);
        Assert.Empty(Chain.Payloads);
    }

    [Fact]
    public void OldModelsKeepPortsAndInitializersTogether()
    {
        var graph = TinyGraph.Of("x, w, v -> y", "w, v", "a = MatMul(x, w)", "b = Add(a, v)", "y = Relu(b)");
        var tensor = new TensorRef("w2", ElementType.Float, [4], new MemoryBytes(new byte[16]));
        var script = Script(
            new GraphEdit.AddInitializer(tensor, "w"),
            new GraphEdit.SetInput(0, 1, "w2"),
            new GraphEdit.RemoveInitializer("v"),
            new GraphEdit.SetInput(1, 1, "a"));
        var edited = GraphEditor.Apply(TinyGraph.Model(graph, irVersion: 3), script);
        Assert.Equal(["x", "w2"], edited.Graph.Inputs.Select(i => i.Name));
        Assert.Equal(["x"], edited.Graph.FedInputs.Select(i => i.Name));
    }

    internal static EditScript Script(params GraphEdit[] edits)
    {
        var script = new EditScript();
        foreach (var edit in edits) script.Add("stage", edit);
        return script;
    }

    private static void Expect(string[] lines, params GraphEdit[] edits) =>
        Assert.Equal(lines, TinyGraph.Lines(GraphEditor.Apply(Chain, Script(edits))));
}
