using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxMka.Blocks;
using OnnxMka.Graph;

namespace OnnxMka.Runtime;

/// <summary>What to feed each input of a decoder: ids, mask, positions and an empty or carried-over cache.</summary>
public sealed class DecoderPorts
{
    private readonly Dictionary<string, string> _presentOfPast;
    private readonly IReadOnlyList<ValueInfo> _inputs;
    private readonly string _tokens;

    private DecoderPorts(IReadOnlyList<ValueInfo> inputs, string tokens, string logits, Dictionary<string, string> presentOfPast)
    {
        _inputs = inputs;
        _tokens = tokens;
        Logits = logits;
        _presentOfPast = presentOfPast;
    }

    public string Logits { get; }

    public bool HasCache => _presentOfPast.Count > 0;

    public IEnumerable<string> Presents => _presentOfPast.Values;

    /// <summary>Refuses models that are fed with embeddings, and inputs whose meaning is not known.</summary>
    public static DecoderPorts Of(BlockMap map)
    {
        if (map.TakesEmbeddings)
        {
            throw new RefusedException(
                "MKA020", map.TokenInput, "the model takes embeddings, not token ids, so text cannot be run through it", "Give similarities computed elsewhere, or name the blocks with --blocks and use --no-eval --no-verify");
        }

        var cache = map.Blocks.SelectMany(b => b.KvInputs.Zip(b.KvOutputs, (i, o) => (Past: i.Name, Present: o.Name)));
        var ports = new DecoderPorts([.. map.Model.Graph.FedInputs], map.TokenInput, map.Logits, cache.ToDictionary(c => c.Past, c => c.Present, StringComparer.Ordinal));
        foreach (var input in ports._inputs) ports.RoleOf(input);
        return ports;
    }

    /// <summary>Inputs for a batch of equally long rows of ids behind <paramref name="past"/> cached tokens.</summary>
    /// <param name="ids">[batch, length], row-major.</param>
    /// <param name="cache">Present outputs of the step before, by name; null for none.</param>
    public Dictionary<string, OrtValue> Feed(ReadOnlySpan<int> ids, int batch, int past, IReadOnlyDictionary<string, OrtValue>? cache)
    {
        var length = ids.Length / batch;
        var feeds = new Dictionary<string, OrtValue>(StringComparer.Ordinal);
        foreach (var input in _inputs)
        {
            feeds[input.Name] = RoleOf(input) switch
            {
                PortRole.Tokens => Ints(input.Type, ids.ToArray().Select(i => (long)i), [batch, length]),
                PortRole.Mask => Ints(input.Type, Enumerable.Repeat(1L, batch * (past + length)), [batch, past + length]),
                PortRole.Positions => Ints(input.Type, Enumerable.Range(0, batch * length).Select(i => (long)past + (i % length)), [batch, length]),
                PortRole.UseCache => OrtValue.CreateTensorValueFromMemory(new[] { past > 0 }, [1]),
                _ when cache is not null => cache[_presentOfPast[input.Name]],
                _ => Zeros(input.Type, CacheShape(input, batch)),
            };
        }

        return feeds;
    }

    private PortRole RoleOf(ValueInfo input)
    {
        if (input.Name == _tokens) return PortRole.Tokens;
        if (_presentOfPast.ContainsKey(input.Name)) return PortRole.Past;
        if (input.Type is ElementType.Bool && input.Name == "use_cache_branch") return PortRole.UseCache;
        var whole = input.Type is ElementType.Int64 or ElementType.Int32;
        if (whole && input.Rank is 2 or -1 && input.Name.Contains("mask", StringComparison.Ordinal)) return PortRole.Mask;
        if (whole && input.Rank is 2 or -1 && input.Name.Contains("position", StringComparison.Ordinal)) return PortRole.Positions;
        throw new RefusedException("MKA021", input.Name, "the meaning of this input is not known", "Known are token ids, attention mask, position ids and the KV cache");
    }

    /// <summary>Cache shape for no cached tokens: symbols that speak of a batch are the batch, all other symbols are lengths.</summary>
    private static long[] CacheShape(ValueInfo input, int batch)
    {
        if (input.Dimensions is null)
            throw new RefusedException("MKA021", input.Name, "this cache input has no shape", "Export the model with shapes for its cache inputs");
        var batchAxis = input.Rank == 5 ? 1 : 0;
        return [.. input.Dimensions.Select((dim, axis) => long.TryParse(dim, out var size) && size > 0 ? size : IsBatch(dim, axis) ? batch : 0L)];

        bool IsBatch(string dim, int axis) => dim.Contains("batch", StringComparison.OrdinalIgnoreCase) || axis == batchAxis;
    }

    /// <summary>No cached tokens, or a state of fixed size (convolutions) before the first token.</summary>
    private static OrtValue Zeros(ElementType type, long[] shape)
    {
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)(int)type, shape);
        value.GetTensorMutableRawData().Clear();
        return value;
    }

    private static OrtValue Ints(ElementType type, IEnumerable<long> values, long[] shape) => type == ElementType.Int32
        ? OrtValue.CreateTensorValueFromMemory(values.Select(v => (int)v).ToArray(), shape)
        : OrtValue.CreateTensorValueFromMemory(values.ToArray(), shape);

    private enum PortRole
    {
        Tokens,
        Mask,
        Positions,
        Past,
        UseCache,
    }
}
