using System.Globalization;
using Google.Protobuf;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Tests.Reading;

/// <summary>Files of many gigabytes, as holes: what is read is structure and the bytes asked for.</summary>
public sealed class SparseFilesTests : IDisposable
{
    private const long GiB = 1L << 30;

    private readonly TestFolder _folder = TestFolder.OnDisk();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TensorsBeyondFourGigabytesOfADataFileAreRead()
    {
        var raw = SmallModel.Bytes(ElementType.Float, 1024, 1);
        var offset = (6 * GiB) + 12_345;
        WriteAt(_folder["model.onnx.data"], offset, raw);
        var model = OnnxModel.Load(SmallModel.Save(ExternalModel(offset, raw.Length, [1024]), _folder.Path));

        Assert.Equal(raw, TensorBytes.Of(model)["w"]);
        var copy = ModelWriter.Plan(model, "copy.onnx").Write(_folder.Sub("out"));
        Assert.Equal(raw.Length, copy.DataBytes);
        Assert.Equal(raw, TensorBytes.Of(OnnxModel.Load(copy.Files[0].Key))["w"]);
    }

    [Fact]
    public void AModelFileOfFiveGigabytesIsReadAsStructure()
    {
        var raw = SmallModel.Bytes(ElementType.Float, 1024, 1);
        var path = InlineModel(5 * GiB, raw);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var model = OnnxModel.Load(path);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.InRange(new FileInfo(path).Length, 5 * GiB, 6 * GiB);
        Assert.InRange(allocated, 1, 2 << 20);
        Assert.Equal(5 * GiB, model.Graph.Initializers["hole"].ByteLength);
        using var reader = new TensorReader();
        Assert.Equal(raw, reader.ReadBytes(model.Graph.Initializers["after"]));
        var end = new byte[64];
        reader.Read(model.Graph.Initializers["hole"], (5 * GiB) - 64, end);
        Assert.Equal(new byte[64], end);
    }

    [Fact]
    public void AModelAboveTwoGigabytesLeavesWithADataFile()
    {
        var path = InlineModel(5 * GiB, SmallModel.Bytes(ElementType.Float, 1024, 1));
        var plan = ModelWriter.Plan(OnnxModel.Load(path), "copy.onnx");

        Assert.Equal(["copy.onnx.data"], plan.DataFiles.Select(f => f.Name));
        Assert.InRange(plan.DataFiles[0].Length, (5 * GiB) + 4096, (5 * GiB) + 4096 + 65536);
    }

    [Fact]
    public void ATensorAboveTwoGigabytesIsNotHeldInMemory()
    {
        var model = OnnxModel.Load(InlineModel(5 * GiB, SmallModel.Bytes(ElementType.Float, 1024, 1)));
        using var reader = new TensorReader();
        var refused = Assert.Throws<RefusedException>(() => reader.ReadBytes(model.Graph.Initializers["hole"]));
        Assert.Equal("MKA008", refused.Refusal.Code);
    }

    /// <summary>
    /// An .onnx with one tensor of <paramref name="hole"/> zeros in raw_data, a small one after it, and the graph's nodes last.
    /// </summary>
    private string InlineModel(long hole, byte[] after)
    {
        var first = new TensorProto { Name = "hole", DataType = (int)ElementType.UInt8 };
        first.Dims.Add(hole);
        var second = new TensorProto { Name = "after", DataType = (int)ElementType.Float, RawData = ByteString.CopyFrom(after) };
        second.Dims.Add(after.Length / 4);
        var rest = new GraphProto();
        rest.Initializer.Add(second);
        rest.Node.Add(SmallModel.Node("Gather", ["hole", "after"], ["y"]));
        rest.Output.Add(SmallModel.Port("y"));

        byte[] tensorHead = [.. first.ToByteArray(), .. WireBytes.Header(9, hole)];
        byte[] graphHead = [.. WireBytes.Header(5, tensorHead.Length + hole), .. tensorHead];
        var tail = rest.ToByteArray();
        byte[] head =
        [
            .. new ModelProto { IrVersion = 8 }.ToByteArray(),
            .. WireBytes.Header(7, graphHead.Length + hole + tail.Length),
            .. graphHead,
        ];
        WriteAt(_folder["model.onnx"], 0, head);
        WriteAt(_folder["model.onnx"], head.Length + hole, tail);
        return _folder["model.onnx"];
    }


    private static ModelProto ExternalModel(long offset, long length, long[] dims)
    {
        var tensor = new TensorProto
        {
            Name = "w",
            DataType = (int)ElementType.Float,
            DataLocation = TensorProto.Types.DataLocation.External,
        };
        tensor.Dims.AddRange(dims);
        TensorStore.Entry(tensor, "location", "model.onnx.data");
        TensorStore.Entry(tensor, "offset", offset.ToString(CultureInfo.InvariantCulture));
        TensorStore.Entry(tensor, "length", length.ToString(CultureInfo.InvariantCulture));
        var graph = new GraphProto();
        graph.Initializer.Add(tensor);
        graph.Node.Add(SmallModel.Node("Identity", ["w"], ["y"]));
        graph.Output.Add(SmallModel.Port("y"));
        return new ModelProto { IrVersion = 8, Graph = graph };
    }

    private static void WriteAt(string path, long offset, byte[] bytes)
    {
        using var handle = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite);
        RandomAccess.Write(handle, bytes, offset);
    }
}
