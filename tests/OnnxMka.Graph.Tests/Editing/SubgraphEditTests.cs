using System.Collections.Immutable;
using OnnxMka.Graph.Editing;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Tests.Editing;

public sealed class SubgraphEditTests
{
    [Fact]
    public void CapturedValuesAreRenamedAtEveryDepth()
    {
        var lines = Edited(Nested(), Rename("a", "z"));
        Assert.Contains("node z = Relu(x)", lines);
        Assert.Contains("node t = Add(z, z)", lines);
        Assert.Contains("node u = Neg(z)", lines);
    }

    [Fact]
    public void CapturedValuesAreRedirectedAtEveryDepth()
    {
        var lines = Edited(Nested(), new GraphEdit.RedirectReaders("a", "x"));
        Assert.DoesNotContain("node a = Relu(x)", lines);
        Assert.Contains("node t = Add(x, x)", lines);
        Assert.Contains("node u = Neg(x)", lines);
    }

    [Fact]
    public void AnOutputOfABranchThatIsACapturedValueFollows()
    {
        var graph = If(TinyGraph.Of(" -> a", ""), TinyGraph.Of(" -> e", "", "e = Neg(a)"));
        Assert.Contains("output b", Edited(graph, Rename("a", "b")));
        Assert.Contains("output x", Edited(graph, new GraphEdit.RedirectReaders("a", "x")));
        Assert.DoesNotContain("output a", Edited(graph, new GraphEdit.RedirectReaders("a", "x")));
    }

    [Fact]
    public void AShadowedNameIsAnotherValue()
    {
        var shadowing = TinyGraph.Of(" -> t", "", "a = Exp(x)", "t = Neg(a)");
        var graph = If(shadowing, TinyGraph.Of(" -> e", "", "e = Neg(a)"));
        string[] inner = ["node a = Exp(x)", "node t = Neg(a)"];

        var renamed = Edited(graph, Rename("a", "z"));
        Assert.All(inner, line => Assert.Contains(line, renamed));
        Assert.Contains("node e = Neg(z)", renamed);
        var redirected = Edited(graph, new GraphEdit.RedirectReaders("a", "x"));
        Assert.All(inner, line => Assert.Contains(line, redirected));
        Assert.Contains("node e = Neg(x)", redirected);
    }

    [Fact]
    public void AShadowingInputOrInitializerIsAnotherValueToo()
    {
        var byInput = TinyGraph.Of("a -> t", "", "t = Neg(a)");
        var byInitializer = TinyGraph.Of(" -> e", "a", "e = Neg(a)");
        var lines = Edited(If(byInput, byInitializer), Rename("a", "z"));
        Assert.Contains("node t = Neg(a)", lines);
        Assert.Contains("node e = Neg(a)", lines);
    }

    [Fact]
    public void ANewNameThatASubgraphHidesIsABugOfTheStage()
    {
        var graph = If(TinyGraph.Of(" -> t", "", "z = Exp(a)", "t = Neg(z)"), TinyGraph.Of(" -> e", "", "e = Neg(a)"));
        foreach (var edit in new GraphEdit[] { Rename("a", "z"), new GraphEdit.RedirectReaders("a", "z") })
        {
            var thrown = Assert.Throws<InvalidOperationException>(() => Edited(graph, edit));
            Assert.Contains("Stage stage", thrown.Message);
            Assert.Contains("a subgraph that reads 'a' has a 'z' of its own", thrown.Message);
        }
    }

    [Fact]
    public void WhatOnlyASubgraphReadsIsAlive()
    {
        var graph = If(TinyGraph.Of(" -> t", "", "t = Add(a, w)"), TinyGraph.Of(" -> e", "", "e = Neg(x)"));
        graph.Initializer.Add(TinyGraph.Weight("w"));
        var edited = GraphEditor.Apply(TinyGraph.Model(graph), new EditScript());
        Assert.Equal(TinyGraph.Lines(TinyGraph.Model(graph)), TinyGraph.Lines(edited));
        Assert.Contains("weight w", TinyGraph.Lines(edited));
    }

    [Fact]
    public void ANameInsideASubgraphKeepsNoOuterNodeAlive()
    {
        var inner = TinyGraph.Of(" -> t", "", "b = Exp(x)", "t = Neg(b)");
        var graph = If(inner, TinyGraph.Of(" -> e", "", "e = Neg(x)"), "b = Relu(x)", "y2 = Neg(b)");
        graph.Output.Add(SmallModel.Port("y2"));
        var lines = Edited(graph, new GraphEdit.DropOutputPort("y2"));
        Assert.DoesNotContain("node b = Relu(x)", lines);
        Assert.Contains("node b = Exp(x)", lines);
    }

    [Fact]
    public void GraphTextShowsSubgraphs()
    {
        var one = TinyGraph.Model(If(TinyGraph.Of(" -> t", "", "t = Neg(a)"), TinyGraph.Of(" -> e", "", "e = Neg(a)")));
        var other = TinyGraph.Model(If(TinyGraph.Of(" -> t", "", "t = Exp(a)"), TinyGraph.Of(" -> e", "", "e = Neg(a)")));
        Assert.NotEqual(GraphText.Of(one), GraphText.Of(other));
    }

    private static GraphEdit.RenameValues Rename(string from, string to) => new(ImmutableDictionary<string, string>.Empty.Add(from, to));

    private static string[] Edited(GraphProto graph, GraphEdit edit) =>
        TinyGraph.Lines(GraphEditor.Apply(TinyGraph.Model(graph), GraphEditTests.Script(edit)));

    /// <summary>a = Relu(x), more nodes, y = If(x){ then, else }.</summary>
    private static GraphProto If(GraphProto then, GraphProto otherwise, params string[] more) =>
        TinyGraph.Of("x -> y", "", ["a = Relu(x)", "y = If(x)", .. more]).With(1, "then_branch", then).With(1, "else_branch", otherwise);

    private static GraphProto Nested()
    {
        var innermost = TinyGraph.Of(" -> u", "", "u = Neg(a)");
        var then = TinyGraph.Of(" -> v", "", "t = Add(a, a)", "v = If(t)")
            .With(1, "then_branch", innermost)
            .With(1, "else_branch", innermost.Clone());
        return If(then, TinyGraph.Of(" -> e", "", "e = Neg(a)"));
    }
}
