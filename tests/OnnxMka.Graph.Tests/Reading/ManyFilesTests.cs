using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Tests.Reading;

/// <summary>A data file for each tensor, as some exporters write them: more files than a process may have open.</summary>
public sealed class ManyFilesTests : IDisposable
{
    private const int Tensors = 3 * TensorReader.MostKept;

    private readonly TestFolder _folder = TestFolder.Create();

    public void Dispose() => _folder.Dispose();

    [LinuxFact]
    public void FilesBeyondThoseThatAreKeptAreClosedAfterEachRead()
    {
        var model = Model();
        using var reader = new TensorReader();
        Parallel.For(0, 2 * Tensors, i =>
        {
            var index = i % Tensors;
            Assert.Equal(Bytes(index), reader.ReadBytes(model.Graph.Initializers[Name(index)]));
        });

        Assert.Equal(TensorReader.MostKept, OpenFiles());
    }

    [LinuxFact]
    public void TheyAreWrittenWithFewFilesOpen()
    {
        var most = new MostOpen(OpenFiles);
        var written = ModelWriter.Plan(Model(), "copy.onnx", forceExternal: true).Write(_folder.Sub("out"), most);

        // What is kept, the file that is copied from and the one that is written.
        Assert.InRange(most.Files, TensorReader.MostKept, TensorReader.MostKept + 2);
        var copy = TensorBytes.Of(OnnxModel.Load(written.Files[0].Key));
        Assert.All(Enumerable.Range(0, Tensors), i => Assert.Equal(Bytes(i), copy[Name(i)]));
    }

    private static string Name(int i) => $"w{i}";

    private static byte[] Bytes(int i) => SmallModel.Bytes(ElementType.Float, 300, i);

    private OnnxModel Model()
    {
        var graph = new GraphProto();
        for (var i = 0; i < Tensors; i++)
        {
            var tensor = new TensorProto
            {
                Name = Name(i),
                DataType = (int)ElementType.Float,
                DataLocation = TensorProto.Types.DataLocation.External,
            };
            tensor.Dims.Add(300);
            TensorStore.Entry(tensor, "location", Name(i));
            File.WriteAllBytes(_folder[Name(i)], Bytes(i));
            graph.Initializer.Add(tensor);
        }

        graph.Node.Add(SmallModel.Node("Sum", [.. Enumerable.Range(0, Tensors).Select(Name)], ["y"]));
        graph.Output.Add(SmallModel.Port("y"));
        return OnnxModel.Load(SmallModel.Save(new ModelProto { IrVersion = 8, Graph = graph }, _folder.Path));
    }

    /// <summary>Files of the folder that this process has open.</summary>
    private int OpenFiles() =>
        Directory.GetFiles("/proc/self/fd").Count(
            f => new FileInfo(f).LinkTarget?.StartsWith(_folder.Path, StringComparison.Ordinal) == true);

    private sealed class MostOpen(Func<int> count) : IProgress<long>
    {
        private int _reports;

        public int Files { get; private set; }

        public void Report(long value)
        {
            if (_reports++ % 31 == 0) Files = Math.Max(Files, count()); // looking takes longer than writing
        }
    }
}
