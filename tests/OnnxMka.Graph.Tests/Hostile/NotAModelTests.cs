using System.Diagnostics;
using System.Text;
using Google.Protobuf;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Tests.Hostile;

public sealed class NotAModelTests : IDisposable
{
    private readonly TestFolder _folder = TestFolder.Create();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void FilesThatAreNoModelAreRefused()
    {
        var refusals = new Refusals(_folder);
        refusals.Expect("MKA001", "a text file", Encoding.UTF8.GetBytes("This is not the model you are looking for.\n"));
        refusals.Expect("MKA001", "JSON", Encoding.UTF8.GetBytes("{\"architectures\": [\"LlamaForCausalLM\"]}"));
        refusals.Expect(
            "MKA001",
            "a pointer of Git LFS",
            Encoding.UTF8.GetBytes("version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 1\n"));
        refusals.Expect("MKA001", "a PNG", [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 0x0D, 0x49, 0x48, 0x44, 0x52]);
        refusals.Expect("MKA001", "a zip archive", [0x50, 0x4B, 0x03, 0x04, 0x14, 0, 0, 0, 8, 0]);
        refusals.Expect("MKA001", "a gzip archive", [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]);
        refusals.Expect("MKA001", "an ELF file", [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0]);
        refusals.Expect("MKA001", "an empty file", []);
        refusals.Expect("MKA001", "zeros", new byte[100]);
        refusals.Expect("MKA001", "a protobuf message without graph", new ModelProto { IrVersion = 8 });
        refusals.Expect("MKA001", "a graph without nodes", new ModelProto { IrVersion = 8, Graph = new GraphProto { Name = "g" } });
        refusals.Expect("MKA001", "a wire type that does not exist", [0x0F, 1, 2, 3]);
        refusals.Expect("MKA001", "a group", [0x0B, 0x0C]);
        refusals.Expect("MKA001", "a number of eleven bytes", [8, .. Enumerable.Repeat((byte)0x80, 10), 0]);
        refusals.Expect("MKA001", "field number 0", [0, 0]);
        refusals.Expect("MKA001", "two graphs", [.. Small(), .. Small()]);
        refusals.ExpectUnreadable("a folder", _folder.Path);
        refusals.ExpectUnreadable("no file", _folder["missing.onnx"]);
        refusals.ExpectUnreadable("no folder", _folder["missing/model.onnx"]);
        Golden.Check("not-a-model", refusals.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("model\0.onnx")]
    public void ANameThatIsNoPathIsAnUnreadableFile(string path) => Assert.Throws<InputFileException>(() => OnnxModel.Load(path));

    [LinuxFact]
    public void APipeIsRefusedAtOnce()
    {
        NativePipe.Make(_folder["model.onnx"]);
        var watch = Stopwatch.StartNew();
        new Refusals(_folder).ExpectUnreadable("a pipe", _folder["model.onnx"]);
        new Refusals(_folder).ExpectUnreadable("a device", "/dev/zero");
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 5);
    }

    [Fact]
    public void RandomBytesAreRefused()
    {
        var random = new Random(1);
        for (var i = 0; i < 500; i++)
        {
            var bytes = new byte[random.Next(1, 400)];
            random.NextBytes(bytes);
            File.WriteAllBytes(_folder["model.onnx"], bytes);
            Assert.Throws<RefusedException>(() => OnnxModel.Load(_folder["model.onnx"]));
        }
    }

    /// <summary>Cut at a field of the outermost message a file is whole, only poorer: the graph is the last field but the opsets.</summary>
    [Theory]
    [InlineData(Storage.Inline)]
    [InlineData(Storage.Typed)]
    [InlineData(Storage.External)]
    public void AModelThatIsCutAnywhereIsRefused(Storage storage)
    {
        var small = SmallModel.Of(storage);
        var path = small.Save(_folder.Path);
        var whole = File.ReadAllBytes(path);
        var graphEnd = whole.Length - Tail(small.Proto);
        var loaded = 0;
        var inTensor = TensorBytesOf(path, whole.Length);
        for (var length = 0; length < whole.Length; length++)
        {
            if (inTensor[length] && length % 16 != 0) continue;
            File.WriteAllBytes(path, whole.AsSpan(0, length));
            if (length >= graphEnd && TryLoad(path)) loaded++;
            else Assert.Contains(Assert.Throws<RefusedException>(() => OnnxModel.Load(path)).Refusal.Code, new[] { "MKA001", "MKA002" });
        }

        Assert.InRange(loaded, 1, 3);
    }

    [Fact]
    public void TheSameCutOneByteLaterOrEarlierIsNoticed()
    {
        var whole = Small();
        for (var cut = 1; cut < 40; cut++)
        {
            File.WriteAllBytes(_folder["model.onnx"], whole.AsSpan(0, whole.Length - cut));
            Assert.False(TryLoad(_folder["model.onnx"]));
        }
    }

    /// <summary>Within a tensor's bytes one cut is like the next: every sixteenth is made.</summary>
    private static bool[] TensorBytesOf(string path, int length)
    {
        var inTensor = new bool[length];
        foreach (var range in OnnxModel.Load(path).AllTensors().Where(t => t.Location is null).Select(t => t.Content).OfType<FileRange>())
            inTensor.AsSpan((int)range.Offset + 1, (int)range.Length - 2).Fill(true);
        return inTensor;
    }

    private static byte[] Small() =>
        new ModelProto { Graph = TinyGraph.Of("x -> y", "w", "a = MatMul(x, w)", "y = Relu(a)") }.ToByteArray();

    /// <summary>Bytes of the fields that stand behind the graph.</summary>
    private static int Tail(ModelProto proto)
    {
        var rest = new ModelProto();
        rest.OpsetImport.AddRange(proto.OpsetImport);
        rest.MetadataProps.AddRange(proto.MetadataProps);
        return rest.CalculateSize();
    }

    private static bool TryLoad(string path)
    {
        try
        {
            OnnxModel.Load(path);
            return true;
        }
        catch (RefusedException)
        {
            return false;
        }
    }
}
