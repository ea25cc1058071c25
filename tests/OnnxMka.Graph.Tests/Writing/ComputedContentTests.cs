using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;

namespace OnnxMka.Graph.Tests.Writing;

public sealed class ComputedContentTests : IDisposable
{
    /// <summary>Three chunks of four mebibytes and a part, in no round number.</summary>
    private const int Elements = (3 << 21) + 12_347;

    private readonly TestFolder _folder = TestFolder.Create();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(16)]
    public void TheBytesDoNotDependOnTheNumberOfThreads(int threads)
    {
        var content = new Squares(Elements);
        using var reader = new TensorReader();
        OutputPiece[] pieces = [new LiteralPiece(new byte[] { 1, 2, 3 }), new ContentPiece(content, "squares"), new PaddingPiece(5)];
        new PieceWriter(reader, null, default, threads).Write(_folder["file"], pieces);

        var expected = new byte[3 + content.Length + 5];
        (expected[0], expected[1], expected[2]) = (1, 2, 3);
        content.Fill(0, expected.AsSpan(3, (int)content.Length), reader);
        Assert.True(expected.AsSpan().SequenceEqual(File.ReadAllBytes(_folder["file"])));
        Assert.True(content.Chunks.Count(c => c.Length <= 4 << 20) >= 4, "the tensor was not cut");
        Assert.All(content.Chunks, c => Assert.Equal(0, c.Offset % 2));
    }

    [Fact]
    public void AFileThatPassesMemoryByHasTheSameBytes()
    {
        // Four windows of 32 MiB, so that pages are given back while later ones are written; and what was given back can be read.
        var random = new byte[70_000_003];
        new Random(5).NextBytes(random);
        File.WriteAllBytes(_folder["input"], random);
        var content = new Squares(40 << 20);
        using var reader = new TensorReader();
        OutputPiece[] pieces =
        [
            new ContentPiece(new FileRange(_folder["input"], 3, random.Length - 3), "copied"),
            new PaddingPiece(7),
            new ContentPiece(content, "squares"),
        ];
        foreach (var passes in new[] { false, true })
            new PieceWriter(reader, null, default, passesMemory: passes).Write(_folder[$"{passes}"], pieces);

        var written = File.ReadAllBytes(_folder["True"]);
        Assert.True(written.AsSpan(0, random.Length - 3).SequenceEqual(random.AsSpan(3)));
        Assert.True(written.AsSpan().SequenceEqual(File.ReadAllBytes(_folder["False"])));
        Assert.Equal(random, File.ReadAllBytes(_folder["input"]));
    }

    [Theory]
    [InlineData(Storage.Inline)]
    [InlineData(Storage.External)]
    public void AnInitializerIsReplacedByWhatIsComputed(Storage storage)
    {
        var small = SmallModel.Of(storage, ElementType.Float16);
        var model = OnnxModel.Load(small.Save(_folder.Path));
        var script = new EditScript();
        script.Add("merge", new GraphEdit.ReplaceInitializer("w.big", new Squares(1024)));
        var copy = ModelWriter.Plan(GraphEditor.Apply(model, script), "copy.onnx").Write(_folder.Sub("out"));

        var squares = MemoryMarshal.AsBytes<ushort>(Enumerable.Range(0, 1024).Select(i => (ushort)(i * i)).ToArray()).ToArray();
        var expected = small.Expected.ToDictionary(e => e.Key, e => e.Key == "w.big" ? squares : e.Value, StringComparer.Ordinal);
        TensorBytes.AssertSame(expected, TensorBytes.Of(OnnxModel.Load(copy.Files[0].Key)));
        TensorBytes.AssertSame(small.Expected, TensorBytes.Of(model));
    }

    [Fact]
    public void ARefusalWhileComputingComesOutAsItself()
    {
        using var reader = new TensorReader();
        var writer = new PieceWriter(reader, null, default);
        var refused = Assert.Throws<RefusedException>(() => writer.Write(_folder["file"], [new ContentPiece(new Refusing(), "t")]));
        Assert.Equal("MKA005", refused.Refusal.Code);
    }

    [Fact]
    public void AVanishedInputIsARefusal()
    {
        var model = OnnxModel.Load(SmallModel.Of(Storage.External).Save(_folder.Path));
        File.Delete(_folder["model.onnx.data"]);
        var refused = Assert.Throws<RefusedException>(() => ModelWriter.Plan(model, "copy.onnx").Write(_folder.Sub("out")));
        Assert.Equal("MKA004", refused.Refusal.Code);
    }

    [Fact]
    public void AnInputThatWasCutMeanwhileIsARefusal()
    {
        var model = OnnxModel.Load(SmallModel.Of(Storage.External).Save(_folder.Path));
        using (var data = File.OpenWrite(_folder["model.onnx.data"])) data.SetLength(data.Length - 1);
        var refused = Assert.Throws<RefusedException>(() => ModelWriter.Plan(model, "copy.onnx").Write(_folder.Sub("out")));
        Assert.Equal("MKA005", refused.Refusal.Code);
    }

    /// <summary>Element i is i squared, as ushort.</summary>
    private sealed class Squares(int elements) : ComputedContent
    {
        public ConcurrentBag<(long Offset, int Length)> Chunks { get; } = [];

        public override long Length => elements * 2L;

        public override int ElementSize => 2;

        public override void Fill(long offset, Span<byte> destination, TensorReader reader)
        {
            Chunks.Add((offset, destination.Length));
            var values = MemoryMarshal.Cast<byte, ushort>(destination);
            for (var i = 0; i < values.Length; i++) values[i] = unchecked((ushort)(((offset / 2) + i) * ((offset / 2) + i)));
        }
    }

    private sealed class Refusing : ComputedContent
    {
        public override long Length => 20 << 20;

        public override int ElementSize => 4;

        public override void Fill(long offset, Span<byte> destination, TensorReader reader) =>
            throw new RefusedException("MKA005", "t", "its bytes end early", "Nothing helps");
    }
}
