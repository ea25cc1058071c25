using System.Collections.Immutable;
using OnnxMka.Graph.Editing;

namespace OnnxMka.Graph.Tests.Editing;

public sealed class DeadNodesTests
{
    [Fact]
    public void WhatWasDeadBeforeStays()
    {
        var model = TinyGraph.Model("x -> y", "w, unused", "d = MatMul(x, w)", "e = Neg(d)", "y = Relu(x)");
        Assert.Equal(TinyGraph.Lines(model), Lines(model, new GraphEdit.SetMetadata("k", "v")));
    }

    [Fact]
    public void WhatWasDeadBeforeCanBeRemovedEvenWhenLaterEditsTouchIt()
    {
        var model = TinyGraph.Model("x -> y", "", "a = Neg(x)", "d = Exp(a)", "y = Relu(a)");
        string[] lines = Lines(model, new GraphEdit.RemoveNode(1), new GraphEdit.RedirectReaders("a", "x"));
        Assert.Equal(["input x", "output y", "node y = Relu(x)"], lines);
    }

    [Fact]
    public void WhatWasDeadBeforeStaysUnderANewName()
    {
        var model = TinyGraph.Model("x -> y", "w, unused", "d = MatMul(x, w)", "y = Relu(x)");
        var names = ImmutableDictionary<string, string>.Empty.Add("d", "d1").Add("unused", "unused1");
        Assert.Equal(
            ["input x", "output y", "weight unused1", "weight w", "node d1 = MatMul(x, w)", "node y = Relu(x)"],
            Lines(model, new GraphEdit.RenameValues(names)));
    }

    [Fact]
    public void ADeadNodeGoesWithWhatItReads()
    {
        var model = TinyGraph.Model("x -> y", "w", "a = MatMul(x, w)", "d = Neg(a)", "e = Exp(d)", "f = Neg(x)", "y = Relu(a)");
        Assert.Equal(["input x", "output y", "node f = Neg(x)", "node y = Relu(x)"], Lines(model, new GraphEdit.SetInput(4, 0, "x")));
    }

    [Fact]
    public void AnUnreadSecondOutputKeepsNoNodeAlive()
    {
        var model = TinyGraph.Model("x -> y", "w", "a, mask = Dropout(x, w)", "y = Relu(a)");
        Assert.Equal(["input x", "output y", "node y = Relu(x)"], Lines(model, new GraphEdit.SetInput(1, 0, "x")));
    }

    [Fact]
    public void ADeadNodeWithASubgraphStays()
    {
        var graph = TinyGraph.Of("x -> y", "w", "d = If(x)", "y = Relu(x)")
            .With(0, "then_branch", TinyGraph.Of(" -> t", "", "u = Neg(w)", "t = Exp(u)"));
        var model = TinyGraph.Model(graph);
        Assert.Equal(TinyGraph.Lines(model), Lines(model, new GraphEdit.SetMetadata("k", "v")));
    }

    [Fact]
    public void AWholeChainThatNothingReadsAnyMoreGoes()
    {
        var model = TinyGraph.Model("x -> y", "u, v, w", "a = MatMul(x, u)", "b = MatMul(a, v)", "c = MatMul(b, w)", "y = Add(x, c)");
        Assert.Equal(["input x", "output y", "node y = Add(x)"], Lines(model, new GraphEdit.SetInput(3, 1, "")));
    }

    [Fact]
    public void AWeightThatSomethingElseReadsStays()
    {
        var model = TinyGraph.Model("x -> y", "w", "a = MatMul(x, w)", "b = MatMul(a, w)", "y = Relu(b)");
        Assert.Equal(
            ["input x", "output y", "weight w", "node a = MatMul(x, w)", "node y = Relu(a)"],
            Lines(model, new GraphEdit.SetInput(2, 0, "a")));
    }

    private static string[] Lines(OnnxModel model, params GraphEdit[] edits) =>
        TinyGraph.Lines(GraphEditor.Apply(model, GraphEditTests.Script(edits)));
}
