using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace OnnxMka.Forge;

/// <summary>
/// Runs a decoder in ONNX Runtime on the CPU, whatever its ports are called: batch of one, no padding. Made for tests that
/// compare logits.
/// </summary>
public sealed class DecoderSession : IDisposable
{
    private readonly InferenceSession _session;
    private readonly InputFeed _feed;
    private readonly string[] _outputs;
    private readonly RunOptions _run = new();

    /// <param name="embedding">Table for models that take embeddings in the place of token ids.</param>
    public DecoderSession(byte[] model, WeightTensor? embedding = null, bool optimise = false)
        : this(options => new InferenceSession(model, options), embedding, optimise)
    {
    }

    public DecoderSession(string path, WeightTensor? embedding = null, bool optimise = false)
        : this(options => new InferenceSession(path, options), embedding, optimise)
    {
    }

    private DecoderSession(Func<SessionOptions, InferenceSession> open, WeightTensor? embedding, bool optimise)
    {
        using var options = new SessionOptions
        {
            IntraOpNumThreads = 1,
            InterOpNumThreads = 1,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
            GraphOptimizationLevel = optimise ? GraphOptimizationLevel.ORT_ENABLE_ALL : GraphOptimizationLevel.ORT_ENABLE_BASIC,
        };
        _session = open(options);
        _feed = new InputFeed(_session.InputMetadata, embedding);
        _outputs = [.. _session.OutputMetadata.Keys];
    }

    public bool HasCache => _feed.HasCache;

    /// <summary>Logits of all positions of a sequence, from an empty cache.</summary>
    public Step Prefill(ReadOnlySpan<int> tokens) => Continue(tokens, null);

    /// <summary>Logits of the tokens given, after those that made the cache. The cache given is used up.</summary>
    public Step Continue(ReadOnlySpan<int> tokens, Cache? cache)
    {
        var inputs = _feed.For(tokens, cache);
        using var results = _session.Run(_run, [.. inputs.Keys], [.. inputs.Values], _outputs);
        foreach (var value in inputs.Values) value.Dispose();
        var presents = new Dictionary<string, OrtValue>(StringComparer.Ordinal);
        float[]? logits = null;
        var width = 0;
        for (var i = 0; i < _outputs.Length; i++)
        {
            var name = _outputs[i];
            if (name.StartsWith("present", StringComparison.Ordinal)) presents[PastName(name)] = _feed.Kept(PastName(name), results[i]);
            else if (name is "logits" or "last_hidden_state")
                (logits, width) = (Floats(results[i]), (int)results[i].GetTensorTypeAndShape().Shape[^1]);
        }

        return new Step(logits!, width, new Cache(presents, (cache?.Length ?? 0) + tokens.Length));
    }

    public void Dispose()
    {
        _session.Dispose();
        _run.Dispose();
    }

    private static string PastName(string present) => present.StartsWith("present.", StringComparison.Ordinal)
        ? $"past_key_values.{present["present.".Length..]}"
        : $"past_{present["present_".Length..]}";

    private static float[] Floats(OrtValue value)
    {
        if (value.GetTensorTypeAndShape().ElementDataType == TensorElementType.Float) return value.GetTensorDataAsSpan<float>().ToArray();
        var halves = value.GetTensorDataAsSpan<Float16>();
        var floats = new float[halves.Length];
        for (var i = 0; i < floats.Length; i++) floats[i] = (float)halves[i];
        return floats;
    }
}

/// <summary>A decoder's answer: logits [tokens, width], and the cache to go on with.</summary>
public sealed record Step(float[] Logits, int Width, Cache Cache)
{
    public ReadOnlySpan<float> Row(int token) => Logits.AsSpan(token * Width, Width);
}

/// <summary>Keys and values by the name of the port that takes them, and how many tokens they cover.</summary>
public sealed class Cache(IReadOnlyDictionary<string, OrtValue> values, int length) : IDisposable
{
    public IReadOnlyDictionary<string, OrtValue> Values { get; } = values;

    public int Length { get; } = length;

    public void Dispose()
    {
        foreach (var value in Values.Values) value.Dispose();
    }
}
