using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxMka.Blocks;
using OnnxMka.Graph;

namespace OnnxMka.Runtime;

/// <summary>A decoder loaded in ONNX Runtime: whole sequences, and steps with its cache.</summary>
public sealed class DecoderSession : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _run = new();
    private readonly OrtMemoryInfo _memory; // where the cache stays between steps
    private Dictionary<string, OrtValue>? _cache;
    private int _past;

    private DecoderSession(InferenceSession session, DecoderPorts ports, OrtMemoryInfo memory)
    {
        _session = session;
        _memory = memory;
        Ports = ports;
    }

    public DecoderPorts Ports { get; }

    /// <summary>Loads a model that need not exist as a file: weights are read where they lie.</summary>
    public static DecoderSession Load(BlockMap map, ExecutionTarget target) =>
        new(SessionFactory.Load(map.Model, target), DecoderPorts.Of(map), target.CacheMemory());

    /// <summary>Logits of a batch of equally long sequences, without cache. Float32, [batch, length, vocabulary].</summary>
    public float[] Logits(ReadOnlySpan<int> ids, int batch)
    {
        var feeds = Ports.Feed(ids, batch, 0, null);
        try
        {
            using var outputs = _session.Run(_run, feeds.Keys, feeds.Values, [Ports.Logits]);
            return ToFloats(outputs[0]);
        }
        finally
        {
            foreach (var feed in feeds.Values) feed.Dispose();
        }
    }

    /// <summary>Named outputs of a batch of equally long sequences, without cache, as float32 with their shapes.</summary>
    public (float[] Values, long[] Shape)[] Outputs(ReadOnlySpan<int> ids, int batch, IReadOnlyCollection<string> names)
    {
        var feeds = Ports.Feed(ids, batch, 0, null);
        try
        {
            using var outputs = _session.Run(_run, feeds.Keys, feeds.Values, names);
            return [.. outputs.Select(o => (ToFloats(o), o.GetTensorTypeAndShape().Shape))];
        }
        finally
        {
            foreach (var feed in feeds.Values) feed.Dispose();
        }
    }

    /// <summary>Appends tokens of one sequence to the cache; logits of those positions, [length, vocabulary].</summary>
    public float[] Step(ReadOnlySpan<int> ids)
    {
        var feeds = Ports.Feed(ids, 1, _past, _cache);
        string[] presents = [.. Ports.Presents];
        using var binding = _session.CreateIoBinding();
        foreach (var (name, value) in feeds) binding.BindInput(name, value);
        binding.BindOutputToDevice(Ports.Logits, OrtMemoryInfo.DefaultInstance);
        foreach (var present in presents) binding.BindOutputToDevice(present, _memory);
        var outputs = _session.RunWithBoundResults(_run, binding);
        foreach (var feed in feeds.Values) feed.Dispose();
        var logits = ToFloats(outputs[0]);
        outputs[0].Dispose();
        _cache = presents.Select((n, i) => (n, Value: outputs[i + 1])).ToDictionary(p => p.n, p => p.Value, StringComparer.Ordinal);
        _past += ids.Length;
        return logits;
    }

    /// <summary>Logits of tokens behind the cache, [length, vocabulary]; the cache stays as it is.</summary>
    public float[] Peek(ReadOnlySpan<int> ids)
    {
        var feeds = Ports.Feed(ids, 1, _past, _cache);
        try
        {
            using var outputs = _session.Run(_run, feeds.Keys, feeds.Values, [Ports.Logits]);
            return ToFloats(outputs[0]);
        }
        finally
        {
            var kept = _cache?.Values.ToHashSet() ?? [];
            foreach (var feed in feeds.Values.Where(f => !kept.Contains(f))) feed.Dispose();
        }
    }

    /// <summary>Forgets the cached tokens.</summary>
    public void Restart()
    {
        foreach (var value in _cache?.Values.AsEnumerable() ?? []) value.Dispose();
        _cache = null;
        _past = 0;
    }

    public void Dispose()
    {
        Restart();
        _memory.Dispose();
        _run.Dispose();
        _session.Dispose();
    }

    internal static float[] ToFloats(OrtValue value)
    {
        var type = value.GetTensorTypeAndShape().ElementDataType;
        switch (type)
        {
            case TensorElementType.Float:
                return value.GetTensorDataAsSpan<float>().ToArray();
            case TensorElementType.Float16:
                var halves = MemoryMarshal.Cast<Microsoft.ML.OnnxRuntime.Float16, Half>(value.GetTensorDataAsSpan<Microsoft.ML.OnnxRuntime.Float16>());
                var floats = new float[halves.Length];
                TensorPrimitives.ConvertToSingle(halves, floats);
                return floats;
            case TensorElementType.BFloat16:
                var brains = MemoryMarshal.AsBytes(value.GetTensorDataAsSpan<Microsoft.ML.OnnxRuntime.BFloat16>());
                var widened = new float[brains.Length / 2];
                FloatCodec.Decode(ElementType.BFloat16, brains, widened);
                return widened;
            default:
                throw new RefusedException("MKA022", "the logits", $"they are of type {type}, not float", "Export the model with float outputs");
        }
    }
}
