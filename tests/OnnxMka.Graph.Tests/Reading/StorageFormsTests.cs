using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Tests.Reading;

public sealed class StorageFormsTests : IDisposable
{
    private readonly TestFolder _folder = TestFolder.Create();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [ClassData(typeof(Regimes))]
    public void EveryTensorHasItsTypeShapeAndBytes(Storage storage, ElementType type)
    {
        var small = SmallModel.Of(storage, type);
        var model = OnnxModel.Load(small.Save(_folder.Path));

        TensorBytes.AssertSame(small.Expected, TensorBytes.Of(model));
        var weight = model.Graph.Initializers["w.big"];
        Assert.Equal(type, weight.Type);
        Assert.Equal([32L, 32L], weight.Shape.ToArray());
        Assert.Equal(1024, weight.ElementCount);
        Assert.Equal(1024 * type.Bits() / 8, weight.ByteLength);
    }

    [Theory]
    [ClassData(typeof(Regimes))]
    public void LargeTensorsAreReferencesAndSmallOnesOfTheModelFileAreHeld(Storage storage, ElementType type)
    {
        var model = OnnxModel.Load(SmallModel.Of(storage, type).Save(_folder.Path));

        var outside = storage is not (Storage.Inline or Storage.Typed);
        foreach (var tensor in model.AllTensors())
        {
            var large = tensor.Name.EndsWith("big", StringComparison.Ordinal) || tensor.Name is "then.scale" or "else.constant";
            if (large || outside) Assert.False(tensor.Content is MemoryBytes, $"{tensor.Name} is held in memory");
            else Assert.IsType<MemoryBytes>(tensor.Content);
            Assert.Equal(outside, tensor.Location is not null);
        }
    }

    [Fact]
    public void FloatsAreWidenedFromEveryType()
    {
        foreach (var type in new[] { ElementType.Float, ElementType.Float16, ElementType.BFloat16, ElementType.Double })
        {
            var store = new TensorStore(Storage.Typed);
            byte[] raw = new byte[3 * type.Bits() / 8];
            FloatCodec.Encode(type, [0.5, -2, 1024], raw);
            using var reader = new TensorReader();
            var tensor = new TensorRef("t", type, [3], InlineTensor.Content(store.Put("t", type, [3], raw)));
            Assert.Equal([0.5f, -2, 1024], reader.ReadFloats(tensor));
        }
    }

    [Theory]
    [InlineData(ElementType.Int64)]
    [InlineData(ElementType.Int32)]
    [InlineData(ElementType.UInt8)]
    [InlineData(ElementType.Int8)]
    [InlineData(ElementType.Bool)]
    [InlineData(ElementType.UInt64)]
    public void SmallAndLargeTypedIntegersGiveTheSameNumbers(ElementType type)
    {
        foreach (var count in new[] { 5, 3000 })
        {
            var raw = SmallModel.Bytes(type, count, count);
            var path = SaveInitializer(new TensorStore(Storage.Typed).Put("t", type, [count], raw));
            using var reader = new TensorReader();
            var tensor = OnnxModel.Load(path).Graph.Initializers["t"];
            Assert.Equal(count == 3000, tensor.Content is PackedVarints);
            Assert.Equal(raw, reader.ReadBytes(tensor));
            Assert.Equal(FloatCodec.DecodeInts(type, raw, count), reader.ReadInts(tensor));
        }
    }

    [Fact]
    public void PartsOfTensorsAreReadAtTheirOffsets()
    {
        foreach (var storage in new[] { Storage.Inline, Storage.Typed, Storage.External })
        {
            var small = SmallModel.Of(storage);
            var model = OnnxModel.Load(small.Save(_folder.Path));
            using var reader = new TensorReader();
            foreach (var name in new[] { "w.big", "index.big", "b.small" })
            {
                var part = new byte[8];
                reader.Read(model.Graph.Initializers[name], 16, part);
                Assert.Equal(small.Expected[name][16..24], part);
                Assert.Throws<ArgumentOutOfRangeException>(
                    () => reader.Read(model.Graph.Initializers[name], small.Expected[name].Length - 7, part));
            }
        }
    }

    [Fact]
    public void TwoTensorsMayShareAByteRange()
    {
        File.WriteAllBytes(_folder["shared.bin"], SmallModel.Bytes(ElementType.Float, 512, 1));
        var graph = OneNodeGraph();
        graph.Initializer.AddRange([External("head", 512), External("embedding", 512), External("part", 300)]);
        var model = OnnxModel.Load(SmallModel.Save(new ModelProto { IrVersion = 8, Graph = graph }, _folder.Path));

        var bytes = TensorBytes.Of(model);
        Assert.Equal(bytes["head"], bytes["embedding"]);
        Assert.Equal(bytes["head"][..1200], bytes["part"]);
    }

    [Fact]
    public void InitializersOfOldModelsAreAlsoInputsAndNeedNotBeFed()
    {
        var small = SmallModel.Of(Storage.Inline);
        small.Proto.IrVersion = 3;
        small.Proto.Graph.Input.AddRange(small.Proto.Graph.Initializer.Select(i => SmallModel.Port(i.Name, (ElementType)i.DataType)));
        var graph = OnnxModel.Load(small.Save(_folder.Path)).Graph;

        Assert.Equal(2 + graph.Initializers.Count, graph.Inputs.Count);
        Assert.Equal(["x", "flag"], graph.FedInputs.Select(i => i.Name));
    }

    [Fact]
    public void OurPayloadMarkInAFileMeansNothing()
    {
        var small = SmallModel.Of(Storage.Inline);
        var clean = OnnxModel.Load(small.Save(_folder.Path));
        foreach (var tensor in TensorWalk.All(small.Proto)) tensor.Payload = 1;
        var marked = OnnxModel.Load(small.Save(_folder.Path, "marked.onnx"));

        Assert.Equal(GraphText.Of(clean), GraphText.Of(marked));
        TensorBytes.AssertSame(small.Expected, TensorBytes.Of(marked));
    }

    [Fact]
    public void CapturesAreTheOuterValuesThatSubgraphsRead()
    {
        var model = OnnxModel.Load(SmallModel.Of(Storage.Inline).Save(_folder.Path));
        var branch = model.Graph.Nodes.Single(n => n.OpType == "If");
        Assert.Equal(["sum"], branch.Captures.ToArray());
        Assert.Equal(["then.scale"], branch.Attributes["then_branch"].Subgraph!.Initializers.Keys);
    }

    private string SaveInitializer(TensorProto tensor)
    {
        var graph = OneNodeGraph();
        graph.Initializer.Add(tensor);
        return SmallModel.Save(new ModelProto { IrVersion = 8, Graph = graph }, _folder.Path);
    }

    private static GraphProto OneNodeGraph()
    {
        var graph = new GraphProto();
        graph.Node.Add(SmallModel.Node("Identity", ["x"], ["y"]));
        graph.Input.Add(SmallModel.Port("x"));
        graph.Output.Add(SmallModel.Port("y"));
        return graph;
    }

    private static TensorProto External(string name, int elements)
    {
        var tensor = new TensorProto
        {
            Name = name,
            DataType = (int)ElementType.Float,
            DataLocation = TensorProto.Types.DataLocation.External,
        };
        tensor.Dims.Add(elements);
        TensorStore.Entry(tensor, "location", "shared.bin");
        return tensor;
    }
}
