using Google.Protobuf;
using Microsoft.Win32.SafeHandles;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph;

/// <summary>
/// An ONNX model as structure in memory and weights on disk: the only door to the format. Immutable; an
/// <see cref="Editing.EditScript"/> makes a new one.
/// </summary>
public sealed class OnnxModel
{
    private readonly List<TensorContent> _payloads;
    private Dictionary<(string Domain, string Name), OnnxFunction>? _functions;

    internal OnnxModel(string path, ModelProto proto, List<TensorContent> payloads)
    {
        Path = path;
        Proto = proto;
        _payloads = payloads;
        Graph = new OnnxGraph(proto.Graph, this);
    }

    /// <summary>Path of the model file, as given.</summary>
    public string Path { get; }

    public OnnxGraph Graph { get; }

    public long IrVersion => Proto.IrVersion;

    public string Producer => $"{Proto.ProducerName} {Proto.ProducerVersion}".Trim();

    /// <summary>Operator set versions by domain; <c>""</c> is the ONNX standard domain.</summary>
    public IReadOnlyDictionary<string, long> Opsets => Proto.OpsetImport
        .GroupBy(o => o.Domain == "ai.onnx" ? "" : o.Domain, StringComparer.Ordinal)
        .ToDictionary(g => g.Key, g => g.Last().Version, StringComparer.Ordinal);

    public IReadOnlyDictionary<string, string> Metadata => Proto.MetadataProps
        .GroupBy(p => p.Key, StringComparer.Ordinal)
        .ToDictionary(g => g.Key, g => g.Last().Value, StringComparer.Ordinal);

    /// <summary>Bodies of the model's own functions (dynamo exports) by domain and name.</summary>
    public IReadOnlyDictionary<(string Domain, string Name), OnnxFunction> Functions => _functions ??= Proto.Functions
        .GroupBy(f => (f.Domain, f.Name))
        .ToDictionary(
            g => g.Key, g => new OnnxFunction([.. g.Last().Input], [.. g.Last().Node.Select((n, i) => new OnnxNode(i, n, this))]));

    /// <summary>The model file and the data files that its tensors lie in, each once: absolute paths without symbolic links.</summary>
    public IReadOnlyList<string> Files => [.. _payloads
        .Select(p => p switch { FileRange range => range.Path, PackedVarints packed => packed.Path, _ => null })
        .OfType<string>().Prepend(RealPath.Of(Path)).Distinct(StringComparer.Ordinal)];

    /// <summary>Every tensor of the model: initializers, attributes, subgraphs and functions.</summary>
    public IEnumerable<TensorRef> AllTensors() => TensorWalk.All(Proto).Select(Reference);

    internal ModelProto Proto { get; }

    internal IReadOnlyList<TensorContent> Payloads => _payloads;

    /// <summary>
    /// Reads the structure of a model. Refuses what is no ONNX model, is cut, or names data that are missing, too short or
    /// outside the model's folder.
    /// </summary>
    public static OnnxModel Load(string path)
    {
        var payloads = new List<TensorContent>();
        var proto = Parse(path, payloads);
        ExternalData.Resolve(path, proto, payloads);
        var model = new OnnxModel(path, proto, payloads);
        foreach (var tensor in TensorWalk.All(proto)) TensorChecks.Check(model.Reference(tensor));
        return model;
    }

    /// <summary>What a tensor message says, without its bytes.</summary>
    internal TensorRef Reference(TensorProto tensor)
    {
        TensorContent content = tensor.HasPayload ? _payloads[(int)tensor.Payload - 1] : InlineTensor.Content(tensor);
        return new TensorRef(tensor.Name, (ElementType)tensor.DataType, [.. tensor.Dims], content)
        {
            Location = ExternalData.Location(tensor),
        };
    }

    private static ModelProto Parse(string path, List<TensorContent> payloads)
    {
        var name = System.IO.Path.GetFileName(path);
        var skeleton = Scan(path, name, payloads);
        ModelProto proto;
        try
        {
            proto = ModelProto.Parser.ParseFrom(skeleton.Span);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new RefusedException(
                "MKA001", name, $"it is not an ONNX model ({e.Message.TrimEnd('.')})", "Give the .onnx file of an exported decoder LLM", e);
        }

        if (proto.Graph is null || proto.Graph.Node.Count == 0)
            throw new RefusedException("MKA001", name, "it holds no graph with nodes", "Give the .onnx file of an exported decoder LLM");
        return proto;
    }

    private static ReadOnlyMemory<byte> Scan(string path, string name, List<TensorContent> payloads)
    {
        using var handle = Open(path);
        try
        {
            RefusePointer(handle, name);
            return ModelScanner.Scan(new FileCursor(handle, name), RealPath.Of(path), payloads);
        }
        catch (IOException e)
        {
            throw new InputFileException(path, e);
        }
    }

    /// <summary>What a clone without Git LFS has in place of a large file.</summary>
    private static void RefusePointer(SafeFileHandle handle, string name)
    {
        var pointer = "version https://git-lfs"u8;
        Span<byte> start = stackalloc byte[pointer.Length];
        if (RandomAccess.Read(handle, start, 0) == start.Length && start.SequenceEqual(pointer))
        {
            throw new RefusedException(
                "MKA001", name, "it is a pointer of Git LFS, not the model", "Fetch the file itself with git lfs pull");
        }
    }

    private static SafeFileHandle Open(string path)
    {
        try
        {
            return RegularFile.Open(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InputFileException(path, e);
        }
    }
}

/// <summary>The input file is not there or not readable: a failure of the call, not a property of the model.</summary>
public sealed class InputFileException(string path, Exception inner)
    : OnnxMkaException(
        $"Cannot read {path}: "
            + $"{(inner is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : inner.Message.TrimEnd('.'))}.",
        inner)
{
    public string Path { get; } = path;

    /// <summary>What <paramref name="read"/> gives; what the system refuses it is told of that path.</summary>
    public static T Reading<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputFileException(path, e);
        }
    }
}

/// <summary>A function of the model: names of its inputs in call order, and its body in runnable order.</summary>
public sealed record OnnxFunction(IReadOnlyList<string> Inputs, IReadOnlyList<OnnxNode> Nodes);
