using System.Security.Cryptography;
using Google.Protobuf;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Tests.Fuzz;

/// <summary>A sound model in memory: what the fuzzer damages, and what it looks like undamaged.</summary>
internal sealed class FuzzFixture
{
    private FuzzFixture(string name, ModelProto proto, IReadOnlyDictionary<string, byte[]> files)
    {
        Name = name;
        Proto = proto;
        Files = files;
        Bytes = proto.ToByteArray();
        using var folder = TestFolder.Create();
        Save(folder.Path);
        var model = OnnxModel.Load(SmallModel.Save(proto, folder.Path));
        Digest = DigestOf(model);
        StructurePositions = Structure(model);
    }

    public string Name { get; }

    public ModelProto Proto { get; }

    public byte[] Bytes { get; }

    public IReadOnlyDictionary<string, byte[]> Files { get; }

    /// <summary>Of the canonical text and all tensor bytes.</summary>
    public string Digest { get; }

    /// <summary>Places of the file that are no tensor bytes: where damage matters.</summary>
    public int[] StructurePositions { get; }

    public static FuzzFixture[] All()
    {
        var fixtures = new List<FuzzFixture>();
        foreach (var storage in Enum.GetValues<Storage>())
        {
            var small = SmallModel.Of(storage, storage is Storage.Typed ? ElementType.Float16 : ElementType.Float);
            fixtures.Add(new FuzzFixture($"{storage}", small.Proto, small.Files));
        }

        fixtures.Add(new FuzzFixture("Old", Old(), SmallModel.Of(Storage.Inline).Files));
        fixtures.Add(new FuzzFixture("Rare", Rare(), SmallModel.Of(Storage.Inline).Files));
        return [.. fixtures];
    }

    /// <summary>Writes the data files, and beside the folder one that no model may read.</summary>
    public void Save(string folder)
    {
        foreach (var (location, bytes) in Files)
        {
            var path = Path.Combine(folder, location);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, bytes);
        }
    }

    /// <summary>Reads every tensor; a refusal while reading is one of the model.</summary>
    public static string DigestOf(OnnxModel model)
    {
        using var reader = new TensorReader();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(System.Text.Encoding.UTF8.GetBytes(GraphText.Of(model)));
        foreach (var tensor in model.AllTensors()) hash.AppendData(reader.ReadBytes(tensor));
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static int[] Structure(OnnxModel model)
    {
        var length = (int)new FileInfo(model.Path).Length;
        var inTensor = new bool[length];
        foreach (var content in model.Payloads)
        {
            var (path, offset) = content switch { FileRange r => (r.Path, r.Offset), PackedVarints p => (p.Path, p.Offset), _ => ("", 0) };
            if (path == RealPath.Of(model.Path)) inTensor.AsSpan((int)offset, (int)content.Length).Fill(true);
        }

        return [.. Enumerable.Range(0, length).Where(i => !inTensor[i])];
    }

    /// <summary>IR version 3: initializers are inputs too.</summary>
    private static ModelProto Old()
    {
        var proto = SmallModel.Of(Storage.Inline).Proto;
        proto.IrVersion = 3;
        proto.Graph.Input.AddRange(proto.Graph.Initializer.Select(i => SmallModel.Port(i.Name, (ElementType)i.DataType)));
        return proto;
    }

    /// <summary>Functions, training, sparse and string tensors, deep subgraphs, annotations, types that are no tensors.</summary>
    private static ModelProto Rare()
    {
        var deep = TinyGraph.Of(" -> d", "inner", "d = Add(x, inner)");
        for (var i = 0; i < 5; i++) deep = TinyGraph.Of(" -> d", "", "d = If(x)").With(0, "then_branch", deep);
        var graph = TinyGraph.Of("x -> y", "w", "a = Add(x, w)", "b = If(a)", "y = Concat(a, b)").With(1, "then_branch", deep);
        graph.Initializer.Add(
            new TensorProto
            {
                Name = "strings",
                DataType = (int)ElementType.String,
                Dims = { 2 },
                StringData = { ByteString.CopyFromUtf8("a"), ByteString.CopyFromUtf8("b") },
            });
        graph.Initializer.Add(
            new TensorProto
            {
                Name = "nibbles",
                DataType = (int)ElementType.Int4,
                Dims = { 3, 5 },
                Int32Data = { 1, 2, 3, 4, 5, 6, 7, 8 },
            });
        graph.SparseInitializer.Add(
            new SparseTensorProto { Values = TinyGraph.Weight("sparse"), Indices = TinyGraph.Weight("indices"), Dims = { 100 } });
        graph.QuantizationAnnotation.Add(
            new TensorAnnotation
            {
                TensorName = "a",
                QuantParameterTensorNames = { new StringStringEntryProto { Key = "SCALE_TENSOR", Value = "w" } },
            });
        graph.ValueInfo.Add(
            new ValueInfoProto
            {
                Name = "a",
                Type = new TypeProto
                {
                    SequenceType = new TypeProto.Types.Sequence
                    {
                        ElemType = new TypeProto { TensorType = new() { ElemType = 1, Shape = new() } },
                    },
                },
            });
        graph.Node[0].Attribute.Add(
            new AttributeProto
            {
                Name = "tensors",
                Tensors = { TinyGraph.Weight("t1"), TinyGraph.Weight("t2") },
                Ints = { 1, 2 },
                Floats = { 1 },
                S = ByteString.CopyFromUtf8("s"),
            });
        var function = new FunctionProto
        {
            Name = "f",
            Domain = "local",
            Input = { "p" },
            Output = { "q" },
            Node = { SmallModel.Node("Constant", [], ["q"], SmallModel.Attribute("value", TinyGraph.Weight("f.w"))) },
        };
        return new ModelProto
        {
            IrVersion = 10,
            Graph = graph,
            Functions = { function },
            TrainingInfo = { new TrainingInfoProto { Initialization = TinyGraph.Of("x -> z", "tw", "z = Add(x, tw)") } },
            OpsetImport = { new OperatorSetIdProto { Domain = "", Version = 21 } },
        };
    }
}
