namespace OnnxMka.Graph.Tests.Reading;

public sealed class LinkedModelsTests : IDisposable
{
    private readonly TestFolder _folder = TestFolder.Create();

    public void Dispose() => _folder.Dispose();

    /// <summary>blobs/HASH for every file, snapshots/REVISION/onnx/NAME links to them.</summary>
    [Theory]
    [InlineData(Storage.Inline)]
    [InlineData(Storage.External)]
    [InlineData(Storage.Chunks)]
    [InlineData(Storage.FilePerTensor)]
    public void AModelInADownloadCacheIsRead(Storage storage)
    {
        var small = SmallModel.Of(storage);
        var model = OnnxModel.Load(LayOutAsCache(small));

        TensorBytes.AssertSame(small.Expected, TensorBytes.Of(model));
    }

    [Theory]
    [InlineData(Storage.Inline, 1)]
    [InlineData(Storage.Typed, 1)]
    [InlineData(Storage.External, 2)]
    [InlineData(Storage.Chunks, 4)]
    public void ItsFilesAreTheBlobsEachOnce(Storage storage, int count)
    {
        var model = OnnxModel.Load(LayOutAsCache(SmallModel.Of(storage)));

        Assert.Equal(Directory.GetFiles(_folder["blobs"]).Order(StringComparer.Ordinal), model.Files.Order(StringComparer.Ordinal));
        Assert.Equal(count, model.Files.Count);
    }

    [Theory]
    [InlineData(Storage.Inline)]
    [InlineData(Storage.Chunks)]
    public void ItsCopyIsMadeOfRealFiles(Storage storage)
    {
        var small = SmallModel.Of(storage);
        var model = OnnxModel.Load(LayOutAsCache(small));
        var written = ModelWriter.Plan(model, "copy.onnx").Write(_folder.Sub("out"));

        Assert.All(written.Files, f => Assert.Null(new FileInfo(f.Key).LinkTarget));
        TensorBytes.AssertSame(small.Expected, TensorBytes.Of(OnnxModel.Load(written.Files[0].Key)));
    }

    [Fact]
    public void AModelInALinkedFolderIsRead()
    {
        var small = SmallModel.Of(Storage.SeveralFiles);
        small.Save(_folder.Sub("real"));
        Directory.CreateSymbolicLink(_folder["linked"], _folder["real"]);

        TensorBytes.AssertSame(small.Expected, TensorBytes.Of(OnnxModel.Load(Path.Combine(_folder["linked"], "model.onnx"))));
    }

    private string LayOutAsCache(SmallModel small)
    {
        var blobs = _folder.Sub("blobs");
        var snapshot = _folder.Sub("snapshots/0123abcd/onnx");
        var flat = _folder.Sub("flat");
        small.Save(flat);
        foreach (var (file, number) in Directory.GetFiles(flat).Order(StringComparer.Ordinal).Select((f, i) => (f, i)))
        {
            var blob = Path.Combine(blobs, $"{number:x8}");
            File.Move(file, blob);
            File.CreateSymbolicLink(Path.Combine(snapshot, Path.GetFileName(file)), $"../../../blobs/{number:x8}");
        }

        return Path.Combine(snapshot, "model.onnx");
    }
}
