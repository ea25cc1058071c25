using OnnxMka.Graph.Editing;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Tests.Writing;

public sealed class RuntimeImageTests : IDisposable
{
    private readonly TestFolder _folder = TestFolder.Create();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [ClassData(typeof(Regimes))]
    public void EveryTensorIsWhereTheImageSays(Storage storage, ElementType type)
    {
        var small = SmallModel.Of(storage, type);
        var model = OnnxModel.Load(small.Save(_folder.Path));
        var image = RuntimeImage.Of(model);

        TensorBytes.AssertSame(small.Expected, Follow(image));
    }

    [Theory]
    [InlineData(Storage.Inline)]
    [InlineData(Storage.External)]
    [InlineData(Storage.Chunks)]
    [InlineData(Storage.FilePerTensor)]
    public void LargeWeightsAreNotCopiedIntoIt(Storage storage)
    {
        var image = RuntimeImage.Of(OnnxModel.Load(SmallModel.Of(storage).Save(_folder.Path)));
        var weights = ModelProto.Parser.ParseFrom(image.Bytes).Graph.Initializer.Where(i => i.Name is "w.big" or "packed.big").ToArray();

        Assert.Equal(2, weights.Length);
        Assert.All(weights, w => Assert.Equal(TensorProto.Types.DataLocation.External, w.DataLocation));
        Assert.All(weights, w => Assert.False(w.HasRawData));
    }

    [Fact]
    public void TheTrainedFixtureTakesAFewHundredKilobytes()
    {
        var model = OnnxModel.Load(Fixtures.Books16);
        var image = RuntimeImage.Of(model);

        Assert.InRange(image.Bytes.Length, 100_000, 2_000_000);
        using var reader = new TensorReader();
        var bytes = Follow(image);
        foreach (var tensor in model.Graph.Initializers.Values) Assert.Equal(reader.ReadBytes(tensor), bytes[tensor.Name]);
    }

    [Fact]
    public void ALinkedModelFileIsNamedByItsRealPlace()
    {
        var small = SmallModel.Of(Storage.Inline);
        small.Save(_folder.Sub("blobs"), "0123");
        Directory.CreateDirectory(_folder["snapshot"]);
        File.CreateSymbolicLink(Path.Combine(_folder["snapshot"], "model.onnx"), "../blobs/0123");
        var image = RuntimeImage.Of(OnnxModel.Load(Path.Combine(_folder["snapshot"], "model.onnx")));

        Assert.Equal(_folder["blobs"], image.DataFolder);
        TensorBytes.AssertSame(small.Expected, Follow(image));
    }

    [Fact]
    public void ReplacedWeightsAreFilledIn()
    {
        var small = SmallModel.Of(Storage.External);
        var ones = Enumerable.Repeat((byte)1, small.Expected["w.big"].Length).ToArray();
        var script = new EditScript();
        script.Add("merge", new GraphEdit.ReplaceInitializer("w.big", new MemoryBytes(ones)));
        var image = RuntimeImage.Of(GraphEditor.Apply(OnnxModel.Load(small.Save(_folder.Path)), script));

        Assert.Equal(ones, Follow(image)["w.big"]);
    }

    /// <summary>Reads the image as a runtime would: locations against its folder, nothing outside of it.</summary>
    private static Dictionary<string, byte[]> Follow(RuntimeImage image)
    {
        var proto = ModelProto.Parser.ParseFrom(image.Bytes);
        Assert.All(TensorWalk.All(proto), t => Assert.False(t.HasPayload));
        return TensorWalk.All(proto)
            .Where(t => t.Name.Length > 0)
            .ToDictionary(t => t.Name, t => Bytes(t, image.DataFolder), StringComparer.Ordinal);
    }

    private static byte[] Bytes(TensorProto tensor, string folder)
    {
        if (tensor.DataLocation != TensorProto.Types.DataLocation.External) return InlineTensor.Content(tensor).Bytes.ToArray();
        var entries = tensor.ExternalData.ToDictionary(e => e.Key, e => e.Value, StringComparer.Ordinal);
        Assert.DoesNotContain("..", entries["location"]);
        using var file = File.OpenRead(Path.Combine(folder, entries["location"]));
        file.Position = long.Parse(entries["offset"]);
        var bytes = new byte[long.Parse(entries["length"])];
        file.ReadExactly(bytes);
        return bytes;
    }
}
