using System.Globalization;
using Google.Protobuf;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Tests.Writing;

public sealed class DataFilesTests : IDisposable
{
    private readonly TestFolder _folder = TestFolder.Create();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Storage.Inline, "small.onnx")]
    [InlineData(Storage.Typed, "small.onnx")]
    [InlineData(Storage.External, "small.onnx", "small.onnx.data")]
    [InlineData(Storage.SeveralFiles, "small.onnx", "small.onnx.data")]
    [InlineData(Storage.FilePerTensor, "small.onnx", "small.onnx.data")]
    public void TheStyleOfTheInputIsMirroredUnderTheNewName(Storage storage, params string[] files)
    {
        var model = OnnxModel.Load(SmallModel.Of(storage).Save(_folder.Path));
        ModelWriter.Plan(model, "small.onnx").Write(_folder.Sub("out"));
        Assert.Equal(files, Directory.GetFiles(_folder["out"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("model.onnx", "model.onnx.data", "small.onnx.data")]
    [InlineData("model.onnx", "model.onnx_data", "small.onnx_data")]
    [InlineData("model_q4.onnx", "model_q4.onnx_data", "small.onnx_data")]
    [InlineData("decoder.onnx", "other.onnx_data", "small.onnx_data")]
    [InlineData("model.onnx", "weights.bin", "small.onnx.data")]
    [InlineData("model.onnx", "model.safetensors", "small.onnx.data")]
    [InlineData("model.onnx", "sub/model.onnx_data", "small.onnx_data")]
    [InlineData("model.onnx", "model.onnx\u001b[31m", "small.onnx.data")]
    [InlineData("model.onnx", "model.onnx data.exe", "small.onnx.data")]
    [InlineData("model.onnx", "model.onnxaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "small.onnx.data")]
    public void ADataFileIsNamedAfterTheNewModelAsTheOldWasAfterTheOld(string input, string location, string expected)
    {
        var path = Path.Combine(_folder.Path, location);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, new byte[4096]);
        var model = OnnxModel.Load(SmallModel.Save(Model([Tensor("w", 1024, location)]), _folder.Path, input));

        Assert.Equal([expected], ModelWriter.Plan(model, "small.onnx").DataFiles.Select(f => f.Name));
    }

    [Fact]
    public void ChunksStayChunksOfAtMostTheOldSize()
    {
        var tensors = new List<TensorProto>();
        for (var i = 0; i < 12; i++)
            tensors.Add(Tensor($"w{i}", 5000, i < 4 ? "model.onnx_data" : $"model.onnx_data_{i / 4}", i % 4 * 20_000));
        foreach (var location in tensors.Select(t => t.ExternalData[0].Value).Distinct(StringComparer.Ordinal))
            File.WriteAllBytes(_folder[location], new byte[80_000]);
        var files = ModelWriter.Plan(OnnxModel.Load(SmallModel.Save(Model(tensors), _folder.Path)), "small.onnx").DataFiles;

        Assert.Equal(["small.onnx_data", "small.onnx_data_1", "small.onnx_data_2", "small.onnx_data_3"], files.Select(f => f.Name));
        Assert.All(files, f => Assert.InRange(f.Length, 1, 80_000));
        Assert.Equal(12 * 20_000, files.Sum(f => f.Referenced));
    }

    [Fact]
    public void OffsetsAreMultiplesOf4096AndOf65536FromOneMebibyteOn()
    {
        int[] elements = [256, 3, 1 << 18, 7, 1 << 19, 1 << 18, 1];
        var tensors = elements.Select((n, i) => Tensor($"w{i}", n, "model.onnx.data")).ToArray();
        File.WriteAllBytes(_folder["model.onnx.data"], new byte[4 << 19]);
        var written = Write(Model(tensors));

        foreach (var range in Ranges(written))
            Assert.Equal(0, range.Offset % (range.Length >= 1 << 20 ? 65_536 : 4_096));
    }

    [Theory]
    [ClassData(typeof(Regimes))]
    public void EveryByteOfADataFileIsReferencedOrAlignment(Storage storage, ElementType type)
    {
        var model = OnnxModel.Load(SmallModel.Of(storage, type).Save(_folder.Path));
        var written = ModelWriter.Plan(model, "small.onnx", forceExternal: true).Write(_folder.Sub("out"));

        Assert.Equal(written.DataBytes, written.Files.Skip(1).Sum(f => new FileInfo(f.Key).Length));
        long padding = 0;
        foreach (var file in Ranges(written).GroupBy(r => r.Path, StringComparer.Ordinal))
        {
            var bytes = File.ReadAllBytes(file.Key);
            long end = 0;
            foreach (var range in file.OrderBy(r => r.Offset))
            {
                Assert.InRange(range.Offset - end, 0, 4095);
                Assert.True(bytes.AsSpan((int)end, (int)(range.Offset - end)).IndexOfAnyExcept((byte)0) < 0, "alignment is not zeros");
                padding += range.Offset - end;
                end = range.Offset + range.Length;
            }

            Assert.Equal(bytes.Length, end);
        }

        Assert.Equal(written.DataBytes - written.ReferencedBytes, padding);
    }

    [Fact]
    public void ARangeThatTensorsShareIsWrittenOnce()
    {
        var random = SmallModel.Bytes(ElementType.Float, 2048, 3);
        File.WriteAllBytes(_folder["model.onnx.data"], random);
        var written = Write(
            Model(
                [Tensor(
                    "embedding",
                    2048,
                    "model.onnx.data"), Tensor("head",
                    2048,
                    "model.onnx.data"), Tensor("half",
                    1024,
                    "./model.onnx.data",
                    1000)]));

        var copy = OnnxModel.Load(written.Files[0].Key);
        var places = copy.Graph.Initializers.ToDictionary(i => i.Key, i => (FileRange)i.Value.Content, StringComparer.Ordinal);
        Assert.Equal(places["embedding"].Offset, places["head"].Offset);
        Assert.Equal((2048 + 1024) * 4, written.ReferencedBytes);
        Assert.Equal(random[1000..5096], TensorBytes.Of(copy)["half"]);
    }

    /// <summary>Found by the fuzzer, case 126,763 of seed 1: such entries were read when the tensor moved out, and refused there.</summary>
    [Fact]
    public void EntriesOfATensorThatIsInsideAreNotRead()
    {
        var inside = Tensor("w", 1024, "a.data");
        TensorStore.Entry(inside, "location", "b.data");
        inside.DataLocation = TensorProto.Types.DataLocation.Default;
        inside.RawData = ByteString.CopyFrom(SmallModel.Bytes(ElementType.Float, 1024, 3));
        var model = OnnxModel.Load(SmallModel.Save(Model([inside]), _folder.Path));
        var written = ModelWriter.Plan(model, "small.onnx", forceExternal: true).Write(_folder.Sub("out"));

        Assert.Equal(inside.RawData.ToByteArray(), TensorBytes.Of(OnnxModel.Load(written.Files[0].Key))["w"]);
        Assert.Equal(["small.onnx", "small.onnx.data"], written.Files.Select(f => Path.GetFileName(f.Key)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void OverlappingRangesAreReadAndEachTensorKeepsItsOwnBytes()
    {
        var random = SmallModel.Bytes(ElementType.Float, 2048, 3);
        File.WriteAllBytes(_folder["model.onnx.data"], random);
        var written = Write(Model([Tensor("a", 1024, "model.onnx.data"), Tensor("b", 1024, "model.onnx.data", 8)]));

        var bytes = TensorBytes.Of(OnnxModel.Load(written.Files[0].Key));
        Assert.Equal(random[..4096], bytes["a"]);
        Assert.Equal(random[8..4104], bytes["b"]);
        Assert.Equal(random, File.ReadAllBytes(_folder["model.onnx.data"]));
    }

    private WrittenModel Write(ModelProto proto) =>
        ModelWriter.Plan(OnnxModel.Load(SmallModel.Save(proto, _folder.Path)), "small.onnx").Write(_folder.Sub("out"));

    private static IEnumerable<FileRange> Ranges(WrittenModel written) =>
        OnnxModel.Load(written.Files[0].Key).AllTensors().Where(t => t.Location is not null).Select(t => (FileRange)t.Content);

    private static ModelProto Model(IReadOnlyList<TensorProto> initializers)
    {
        var graph = new GraphProto();
        graph.Initializer.AddRange(initializers);
        graph.Node.Add(SmallModel.Node("Sum", [.. initializers.Select(i => i.Name)], ["y"]));
        graph.Output.Add(SmallModel.Port("y"));
        return new ModelProto { IrVersion = 8, Graph = graph };
    }

    private static TensorProto Tensor(string name, int elements, string location, long offset = 0)
    {
        var tensor = new TensorProto
        {
            Name = name,
            DataType = (int)ElementType.Float,
            DataLocation = TensorProto.Types.DataLocation.External,
        };
        tensor.Dims.Add(elements);
        TensorStore.Entry(tensor, "location", location);
        TensorStore.Entry(tensor, "offset", offset.ToString(CultureInfo.InvariantCulture));
        TensorStore.Entry(tensor, "length", (elements * 4).ToString(CultureInfo.InvariantCulture));
        return tensor;
    }
}
