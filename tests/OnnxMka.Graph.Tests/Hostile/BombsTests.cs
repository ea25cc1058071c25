using System.Diagnostics;
using Google.Protobuf;
using OnnxMka.Graph.Proto;
using Xunit.Abstractions;

namespace OnnxMka.Graph.Tests.Hostile;

/// <summary>Small files that ask for a lot: each is refused or read within the limits of time and memory, whatever it holds.</summary>
public sealed class BombsTests(ITestOutputHelper output) : IDisposable
{
    private const long MostBytes = 512L << 20;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    private readonly TestFolder _folder = TestFolder.Create();

    public void Dispose() => _folder.Dispose();

    /// <summary>
    /// Messages and fields of two or three bytes that take a hundred times that in memory, as many as are let in,
    /// or where that would be many megabytes, a part of them.
    /// </summary>
    [Theory]
    [InlineData("nodes", 1000)]
    [InlineData("attributes", 4400)]
    [InlineData("initializers", 3900)]
    [InlineData("constants", 1000)]
    [InlineData("value infos", 5100)]
    [InlineData("dimensions", 5100)]
    [InlineData("inputs of a node", 6000)]
    [InlineData("names of a node", 9000)]
    [InlineData("metadata", 5100)]
    [InlineData("external data", 5100)]
    [InlineData("ints", 12700)]
    [InlineData("unpacked ints", 25000)]
    [InlineData("unpacked floats", 15000)]
    [InlineData("shape of a tensor", 12700)]
    [InlineData("unknown fields", 3700)]
    [InlineData("unknown numbers", 6000)]
    [InlineData("one name", 25000)]
    [InlineData("opsets", 5100)]
    [InlineData("subgraphs", 280)]
    public void ManySmallPartsStayWithinTheLimits(string part, int kilobytes) => AssertBounded(part, Bomb(part, kilobytes << 10));

    [Fact]
    public void WhatWouldTakeMoreIsRefusedBeforeItIsRead()
    {
        var refusals = new Refusals(_folder);
        foreach (var part in new[] { "nodes", "ints", "subgraphs" }) refusals.Expect("MKA003", part, Bomb(part, 16 << 20));
        Golden.Check("bombs", refusals.ToString());
    }

    [Theory]
    [InlineData(10, true)]
    [InlineData(14, true)]
    [InlineData(15, false)]
    [InlineData(1_000, false)]
    public void SubgraphsMayBeNestedAFewDeep(int depth, bool loads)
    {
        var graph = new GraphProto
        {
            Node = { SmallModel.Node("Neg", ["x"], ["y"]) },
            Input = { SmallModel.Port("x") },
            Output = { SmallModel.Port("y") },
        }.ToByteArray();
        for (var i = 0; i < depth; i++)
        {
            byte[] attribute = [.. new AttributeProto { Name = "b" }.ToByteArray(), .. WireBytes.Delimited(6, graph)];
            byte[] node = [.. SmallModel.Node("If", [], ["y"]).ToByteArray(), .. WireBytes.Delimited(5, attribute)];
            graph = [.. new GraphProto { Output = { SmallModel.Port("y") } }.ToByteArray(), .. WireBytes.Delimited(1, node)];
            if (graph.Length > 1 << 20) break;
        }

        Assert.Equal(loads, AssertBounded($"{depth} subgraphs", WireBytes.Delimited(7, graph)));
    }

    [Fact]
    public void TypesNestedWithoutEndAreRefused()
    {
        byte[] type = [];
        for (var i = 0; i < 3_000; i++) type = WireBytes.Delimited(4, WireBytes.Delimited(1, type));
        byte[] graph =
        [
            .. TinyGraph.Of("x -> y", "", "y = Neg(x)").ToByteArray(),
            .. WireBytes.Delimited(13, WireBytes.Delimited(2, type)),
        ];
        Assert.False(AssertBounded("types", WireBytes.Delimited(7, graph)));
    }

    /// <summary>Lengths of a petabyte, where a careless reader allocates before it looks at the file's end.</summary>
    [Theory]
    [InlineData(7)]
    [InlineData(6)]
    [InlineData(14)]
    [InlineData(99)]
    public void LengthsBeyondTheFileAreRefused(int field)
    {
        foreach (var length in new[] { 100L, 1L << 31, 1L << 50, long.MaxValue })
            Assert.False(AssertBounded($"field {field}, length {length}", [.. WireBytes.Header(field, length), 1, 2, 3]));
        Assert.False(
            AssertBounded(
                $"field {field}, length 2^64-1",
                [.. WireBytes.Number(field, ulong.MaxValue).AsSpan(0, 1), 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]));
    }

    [Fact]
    public void ManyNodesThatReadOneValueAreIndexedQuickly()
    {
        var graph = new GraphProto { Input = { SmallModel.Port("x") }, Output = { SmallModel.Port("v0") } };
        for (var i = 0; i < 60_000; i++) graph.Node.Add(new NodeProto { OpType = "Add", Input = { "x", "x" }, Output = { $"v{i}" } });
        Assert.True(AssertBounded("readers", new ModelProto { Graph = graph }.ToByteArray()));
    }

    [Fact]
    public void AHundredThousandNodesWithAllThatBelongsToThemAreRead()
    {
        var graph = new GraphProto
        {
            Input = { SmallModel.Port("x") },
            Output = { SmallModel.Port("/model/layers.0/op.99999/Op_output_0") },
        };
        for (var i = 0; i < 100_000; i++)
        {
            var value = $"/model/layers.0/op.{i}/Op_output_0";
            var node = SmallModel.Node("Op", [i == 0 ? "x" : $"/model/layers.0/op.{i - 1}/Op_output_0", "x"], [value]);
            node.Attribute.AddRange(
                [
                    new AttributeProto { Name = "axis", I = i, Type = AttributeProto.Types.AttributeType.Int },
                    new AttributeProto { Name = "perm", Ints = { 0, 2, 1, 3 } },
                ]);
            graph.Node.Add(node);
            if (i % 2 == 0) graph.ValueInfo.Add(SmallModel.Port(value));
            if (i % 4 == 0) graph.Initializer.Add(TinyGraph.Weight($"model.layers.0.weight_{i}"));
        }

        File.WriteAllBytes(_folder["model.onnx"], new ModelProto { Graph = graph }.ToByteArray());
        Assert.Equal(100_000, OnnxModel.Load(_folder["model.onnx"]).Graph.Nodes.Count);
    }

    /// <summary>True where the model loads; never more than the limits.</summary>
    private bool AssertBounded(string what, byte[] bytes)
    {
        File.WriteAllBytes(_folder["model.onnx"], bytes);
        // A machine that does other things too may stop for seconds: what is slow must be slow three times.
        for (var attempt = 0; ; attempt++)
        {
            var (outcome, allocated, time) = Measure();
            output.WriteLine($"{what}: {bytes.Length:N0} bytes, {outcome}, {allocated:N0} bytes allocated, {time.TotalMilliseconds:F0} ms");
            Assert.InRange(allocated, 0, MostBytes);
            if (time < Longest) return outcome == "loaded";
            Assert.True(attempt < 2, $"{what} took {time.TotalSeconds:F1} s");
        }
    }

    private (string Outcome, long Allocated, TimeSpan Time) Measure()
    {
        var watch = Stopwatch.StartNew();
        var before = GC.GetAllocatedBytesForCurrentThread();
        string outcome;
        try
        {
            Refusals.LoadWhole(_folder["model.onnx"]);
            outcome = "loaded";
        }
        catch (RefusedException e)
        {
            outcome = e.Refusal.Code;
        }

        return (outcome, GC.GetAllocatedBytesForCurrentThread() - before, watch.Elapsed);
    }

    private static byte[] Bomb(string part, int bytes)
    {
        var node = SmallModel.Node("Neg", ["x"], ["y"]).ToByteArray();
        var graph = TinyGraph.Of("x -> y", "", "y = Neg(x)").ToByteArray();
        byte[] InGraph(ReadOnlySpan<byte> more) => WireBytes.Delimited(7, [.. graph, .. more]);
        byte[] Many(params byte[] unit) => WireBytes.Repeat(unit, bytes / unit.Length);
        byte[] InNode(ReadOnlySpan<byte> more) => InGraph(WireBytes.Delimited(1, [.. node, .. more]));
        byte[] InAttribute(ReadOnlySpan<byte> more) => InNode(WireBytes.Delimited(5, more));
        byte[] InTensor(ReadOnlySpan<byte> more) => InGraph(WireBytes.Delimited(5, more));
        return part switch
        {
            "nodes" => InGraph(Many(0x0A, 0)),
            "attributes" => InNode(Distinct(5, 1, bytes)),
            "initializers" => InGraph(Distinct(5, 8, bytes)),
            "constants" => InGraph(Many([.. WireBytes.Delimited(1, [0x2A, 2, 0x2A, 0])])),
            "value infos" => InGraph(Many(0x6A, 0)),
            "dimensions" => InGraph(
                WireBytes.Delimited(13, WireBytes.Delimited(2, WireBytes.Delimited(1, WireBytes.Delimited(2, Many(0x0A, 0)))))),
            "inputs of a node" => InNode(Many(0x0A, 0)),
            "names of a node" => InNode(Many(0x1A, 1, 0x61)),
            "metadata" => [.. InGraph([]), .. Many(0x72, 0)],
            "external data" => InTensor(Many(0x6A, 0)),
            "ints" => InAttribute(WireBytes.Delimited(8, Many(1))),
            "unpacked ints" => InAttribute(Many(0x40, 1)),
            "unpacked floats" => InTensor(Many(0x25, 0, 0, 0, 0)),
            "shape of a tensor" => InTensor(WireBytes.Delimited(1, Many(1))),
            "unknown fields" => InGraph(Many([.. WireBytes.Delimited(30, [])])),
            "unknown numbers" => InGraph(UnknownNumbers(bytes)),
            "one name" => InNode(WireBytes.Delimited(3, Many(0x61))),
            "opsets" => [.. InGraph([]), .. Many(0x42, 0)],
            "subgraphs" => InAttribute(Many(0x5A, 0)),
            _ => throw new ArgumentOutOfRangeException(nameof(part)),
        };
    }

    /// <summary>Messages in a field, each with a name of its own: nothing but their number is wrong.</summary>
    private static byte[] Distinct(int field, int nameField, int bytes)
    {
        using var all = new MemoryStream(bytes);
        for (var i = 0; all.Length < bytes; i++)
        {
            all.Write(
                WireBytes.Delimited(
                    field, WireBytes.Delimited(nameField, BitConverter.GetBytes(i * 2).Select(b => (byte)(b & 0x7F)).ToArray())));
        }

        return all.ToArray();
    }

    private static byte[] UnknownNumbers(int bytes)
    {
        using var all = new MemoryStream(bytes);
        for (var i = 100; all.Length < bytes; i++) all.Write(WireBytes.Number(i, 0));
        return all.ToArray();
    }
}
