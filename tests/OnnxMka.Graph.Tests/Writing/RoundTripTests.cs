using OnnxMka.Graph.Editing;

namespace OnnxMka.Graph.Tests.Writing;

public sealed class RoundTripTests : IDisposable
{
    private readonly TestFolder _folder = TestFolder.Create();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [ClassData(typeof(Regimes))]
    public void WhatIsWrittenReadsBackTheSame(Storage storage, ElementType type)
    {
        var small = SmallModel.Of(storage, type);
        var model = OnnxModel.Load(small.Save(_folder.Path));
        var copy = OnnxModel.Load(Write(model, "copy.onnx").Files[0].Key);

        Assert.Equal(GraphText.Of(model), GraphText.Of(copy));
        Assert.Equal(model.Metadata, copy.Metadata);
        TensorBytes.AssertSame(small.Expected, TensorBytes.Of(copy));
    }

    [Theory]
    [ClassData(typeof(Regimes))]
    public void WithForcedExternalDataToo(Storage storage, ElementType type)
    {
        var small = SmallModel.Of(storage, type);
        var model = OnnxModel.Load(small.Save(_folder.Path));
        var written = Write(model, "copy.onnx", forceExternal: true);
        var copy = OnnxModel.Load(written.Files[0].Key);

        Assert.True(written.Files.Count > 1);
        Assert.All(copy.Graph.Initializers.Values.Where(t => t.ByteLength >= 1024), t => Assert.NotNull(t.Location));
        Assert.Equal(GraphText.Of(model), GraphText.Of(copy));
        TensorBytes.AssertSame(small.Expected, TensorBytes.Of(copy));
    }

    [Theory]
    [ClassData(typeof(Regimes))]
    public void WritingTwiceGivesTheSameBytes(Storage storage, ElementType type)
    {
        var model = OnnxModel.Load(SmallModel.Of(storage, type).Save(_folder.Path));
        var first = Write(model, "copy.onnx", folder: "first").Files;
        var second = Write(model, "copy.onnx", folder: "second").Files;

        Assert.Equal(first.Select(f => (Path.GetFileName(f.Key), f.Value)), second.Select(f => (Path.GetFileName(f.Key), f.Value)));
        foreach (var (one, other) in first.Zip(second)) Assert.Equal(File.ReadAllBytes(one.Key), File.ReadAllBytes(other.Key));
    }

    [Theory]
    [ClassData(typeof(Regimes))]
    public void ACopyOfACopyIsTheCopy(Storage storage, ElementType type)
    {
        var model = OnnxModel.Load(SmallModel.Of(storage, type).Save(_folder.Path));
        var first = Write(model, "copy.onnx", folder: "first").Files;
        var second = Write(OnnxModel.Load(first[0].Key), "copy.onnx", folder: "second").Files;

        foreach (var (one, other) in first.Zip(second)) Assert.Equal(File.ReadAllBytes(one.Key), File.ReadAllBytes(other.Key));
    }

    [Fact]
    public void TypedFieldsStayTypedFields()
    {
        var small = SmallModel.Of(Storage.Typed);
        var written = Write(OnnxModel.Load(small.Save(_folder.Path)), "copy.onnx");
        var proto = Proto.ModelProto.Parser.ParseFrom(File.ReadAllBytes(written.Files[0].Key));

        Assert.Equal(small.Proto, proto);
    }

    [Fact]
    public void TheTrainedFixtureKeepsEveryTensorByteAndItsText()
    {
        var model = OnnxModel.Load(Fixtures.Books16);
        var edited = GraphEditor.Apply(model, new EditScript());
        var copy = OnnxModel.Load(Write(edited, "books16.onnx").Files[0].Key);

        Assert.Equal(GraphText.Of(model), GraphText.Of(copy));
        Assert.True(model.AllTensors().Count() > 300);
        using var reader = new TensorReader();
        foreach (var (before, after) in model.AllTensors().Zip(copy.AllTensors()))
        {
            Assert.Equal(before.ToString(), after.ToString());
            Assert.Equal(reader.ReadBytes(before), reader.ReadBytes(after));
        }
    }

    [Fact]
    public void OneChangedByteIsNoticed()
    {
        var small = SmallModel.Of(Storage.External);
        var written = Write(OnnxModel.Load(small.Save(_folder.Path)), "copy.onnx");
        var data = File.ReadAllBytes(written.Files[1].Key);
        data[100] ^= 1;
        File.WriteAllBytes(written.Files[1].Key, data);

        var bytes = TensorBytes.Of(OnnxModel.Load(written.Files[0].Key));
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => TensorBytes.AssertSame(small.Expected, bytes));
    }

    [Fact]
    public void ProgressAddsUpToThePlannedBytes()
    {
        var counted = new ByteCount();
        var model = OnnxModel.Load(SmallModel.Of(Storage.Chunks).Save(_folder.Path));
        var plan = ModelWriter.Plan(model, "copy.onnx");
        var written = plan.Write(_folder.Sub("out"), counted);

        Assert.Equal(plan.TotalBytes, written.TotalBytes);
        Assert.Equal(plan.TotalBytes, counted.Total);
        Assert.All(written.Files, f => Assert.Equal(new FileInfo(f.Key).Length, f.Value));
    }

    [Fact]
    public void NothingIsWrittenOverAFile()
    {
        var plan = ModelWriter.Plan(OnnxModel.Load(SmallModel.Of(Storage.Inline).Save(_folder.Path)), "copy.onnx");
        File.WriteAllText(_folder["copy.onnx"], "precious");

        Assert.Throws<IOException>(() => plan.Write(_folder.Path));
        Assert.Equal("precious", File.ReadAllText(_folder["copy.onnx"]));
    }

    [Fact]
    public void ACancelledWriteStops()
    {
        var plan = ModelWriter.Plan(OnnxModel.Load(SmallModel.Of(Storage.External).Save(_folder.Path)), "copy.onnx");
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => plan.Write(_folder.Sub("out"), ct: cancelled.Token));
    }

    private WrittenModel Write(OnnxModel model, string name, bool forceExternal = false, string folder = "out") =>
        ModelWriter.Plan(model, name, forceExternal).Write(_folder.Sub(folder));

    private sealed class ByteCount : IProgress<long>
    {
        private long _total;

        public long Total => _total;

        public void Report(long value) => Interlocked.Add(ref _total, value);
    }
}
