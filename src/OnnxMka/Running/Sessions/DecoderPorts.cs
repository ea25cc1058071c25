using Microsoft.ML.OnnxRuntime;
using OnnxMka.Graph;
using OnnxMka.Structure;

namespace OnnxMka.Running.Sessions;

/// <summary>What to feed each input of a decoder: tokens, masks, positions, lengths and an empty or carried-over cache.</summary>
internal sealed class DecoderPorts
{
    private readonly Dictionary<string, string> _presentOfPast;
    private readonly (ValueInfo Port, PortRole Role)[] _inputs;
    private readonly Dictionary<string, MaskPort> _masks;
    private readonly ValueInfo _tokens;
    private readonly bool _takesEmbeddings;
    private readonly int? _room;

    private DecoderPorts(BlockMap map)
    {
        Logits = map.Logits;
        _takesEmbeddings = map.TakesEmbeddings;
        _presentOfPast = map.Blocks
            .SelectMany(b => b.KvInputs.Zip(b.KvOutputs, (i, o) => (Past: i.Name, Present: o.Name)))
            .ToDictionary(c => c.Past, c => c.Present, StringComparer.Ordinal);
        ValueInfo[] fed = [.. map.Model.Graph.FedInputs];
        _tokens = fed.First(i => i.Name == map.TokenInput);
        var roles = new PortRoles(map.Model.Graph);
        PortRole RoleOf(ValueInfo i) =>
            i.Name == map.TokenInput ? PortRole.Tokens : _presentOfPast.ContainsKey(i.Name) ? PortRole.Past : roles.Of(i);
        _inputs = [.. fed.Select(i => (i, RoleOf(i)))];
        var sizes = Caches.SelectMany(c => c.Dimensions ?? []).Select(Fixed).OfType<int>().ToHashSet();
        _masks = _inputs.Where(i => i.Role == PortRole.Mask).ToDictionary(
            i => i.Port.Name, i => new MaskPort(i.Port, roles.MeaningOf(i.Port), _tokens, sizes), StringComparer.Ordinal);
        var tokenAxis = _tokens.Rank - (map.TakesEmbeddings ? 2 : 1);
        TokensAtOnce = tokenAxis >= 0 ? Fixed(_tokens.Dimensions![tokenAxis]) : null;
        RowsAtOnce = tokenAxis == 0 || Caches.Any(HoldsOne) ? 1 : tokenAxis > 0 ? Fixed(_tokens.Dimensions![0]) : null;
        _room = Caches.Any(c => c.Dimensions is { } dims && dims.All(d => Fixed(d) is not null || IsBatch(d)))
            ? Caches.SelectMany(c => CacheSizes.Of(c, roles.Index, written: true)).Select(s => (int?)s).Min()
            : null;
        if (RowsAtOnce > 1)
        {
            throw new RefusedException(
                "MKA027",
                map.TokenInput,
                $"the graph reads {RowsAtOnce} sequences at once and no other number, so the model is not run",
                RuntimeSession.WithoutRun);
        }
    }

    public string Logits { get; }

    /// <summary>The input with the tokens.</summary>
    public string Tokens => _tokens.Name;

    public bool HasCache => _presentOfPast.Count > 0;

    public IEnumerable<string> Presents => _presentOfPast.Values;

    /// <summary>Sequences that the graph reads at once: 1, or null for any number.</summary>
    public int? RowsAtOnce { get; }

    /// <summary>Tokens that the graph reads at once, no more and no fewer; null for any number.</summary>
    public int? TokensAtOnce { get; }

    /// <summary>Tokens can be given one after the other, each with the cache that those before it left.</summary>
    public bool CanStep => HasCache && TokensAtOnce is null or 1;

    private IEnumerable<ValueInfo> Caches => _inputs.Where(i => i.Role == PortRole.Past).Select(i => i.Port);

    /// <summary>Refuses models that are fed with embeddings, and inputs whose meaning is not known.</summary>
    public static DecoderPorts Of(BlockMap map)
    {
        if (map.TakesEmbeddings)
        {
            throw new RefusedException(
                "MKA020",
                map.TokenInput,
                "the model takes embeddings, not token ids, so text cannot be run through it",
                "Give similarities computed elsewhere, or name the blocks with --blocks and use --no-eval --no-verify");
        }

        return new DecoderPorts(map);
    }

    /// <summary>
    /// The same for whoever asks only whether the model decodes: where it takes embeddings, each id stands for a random one.
    /// </summary>
    internal static DecoderPorts OfProbe(BlockMap map) => new(map);

    /// <summary>Inputs for a batch of equally long rows of ids behind <paramref name="past"/> cached tokens.</summary>
    /// <param name="ids">[batch, length], row-major.</param>
    /// <param name="cache">Present outputs of the step before, by name; null for none.</param>
    public Dictionary<string, OrtValue> Feed(ReadOnlySpan<int> ids, int batch, int past, IReadOnlyDictionary<string, OrtValue>? cache)
    {
        var (length, tokens) = (ids.Length / batch, ids.ToArray());
        if (past + length > _room)
        {
            throw new RefusedException(
                "MKA027",
                Caches.First().Name,
                $"its caches have room for {_room} tokens, and here are {past + length}",
                $"Use --seq-len {_room} (eval: --window) or less");
        }

        var feeds = new Dictionary<string, OrtValue>(StringComparer.Ordinal);
        foreach (var (port, role) in _inputs)
        {
            feeds[port.Name] = role switch
            {
                PortRole.Tokens => _takesEmbeddings
                    ? Embeddings(port, tokens, batch)
                    : TensorValues.Of(port.Type, [.. tokens.Select(i => (double)i)], port.Rank == 1 ? [length] : [batch, length]),
                PortRole.Mask => _masks[port.Name].Feed(batch, length, past),
                PortRole.Positions => Positions(port, batch, length, past),
                PortRole.PastLength => TensorValues.Filled(port.Type, past, Counts(port, batch)),
                PortRole.TotalLength => TensorValues.Filled(port.Type, past + length, Counts(port, batch)),
                PortRole.LastPlace => TensorValues.Filled(port.Type, past + length - 1, Counts(port, batch)),
                PortRole.NewLength => TensorValues.Filled(port.Type, length, Counts(port, batch)),
                PortRole.UseCache => TensorValues.Filled(port.Type, past > 0 ? 1 : 0, [1]),
                _ when cache is not null => cache[_presentOfPast[port.Name]],
                _ => TensorValues.Zeros(port.Type, CacheShape(port, batch)),
            };
        }

        return feeds;
    }

    /// <summary>Whether every size of a cache that counts tokens says so many.</summary>
    internal bool CachesHold(IReadOnlyDictionary<string, OrtValue> cache, int tokens) => Caches.All(c =>
    {
        var shape = cache[_presentOfPast[c.Name]].GetTensorTypeAndShape().Shape;
        return c.Dimensions is not { } dims
            || shape.Length != dims.Count
            || dims.Index().All(d => Fixed(d.Item) is not null || IsBatch(d.Item) || d.Index == BatchAxis(c) || shape[d.Index] == tokens);
    });

    private static int? Fixed(string dim) => int.TryParse(dim, out var size) && size > 0 ? size : null;

    private static OrtValue Embeddings(ValueInfo port, int[] tokens, int batch)
    {
        var width = Fixed(port.Dimensions is [.., var last] ? last : "")
            ?? throw new RefusedException(
                "MKA020",
                port.Name,
                "the model takes embeddings of a width that its input does not tell, so it is not run",
                RuntimeSession.WithoutRun);
        var values = new double[tokens.Length * width];
        for (var i = 0; i < tokens.Length; i++)
        {
            var random = new OnnxMka.Running.Tokens.SeededRandom((ulong)tokens[i]);
            for (var column = 0; column < width; column++) values[(i * width) + column] = (random.Next() / (double)ulong.MaxValue * 2) - 1;
        }

        return TensorValues.Of(port.Type, values, [batch, tokens.Length / batch, width]);
    }

    /// <summary>
    /// <c>[batch, tokens]</c>, or with the same places for each of three axes (text has no other in mRoPE) <c>[3, batch, tokens]</c>; or
    /// where the new tokens begin, as a single number or one for each sequence.
    /// </summary>
    private OrtValue Positions(ValueInfo port, int batch, int length, int past)
    {
        var dims = port.Dimensions ?? ["batch", "tokens"];
        if (dims.Count == 0 || (dims.Count == 1 && IsBatch(dims[0])) || (Fixed(dims[^1]) == 1 && TokensAtOnce != 1))
            return TensorValues.Filled(port.Type, past, Counts(port, batch));
        long[] shape = [.. dims.Take(dims.Count - 1).Select(d => Fixed(d) ?? (dims.Count == 3 && !IsBatch(d) ? 3 : batch)), length];
        return TensorValues.Of(
            port.Type, [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(i => (double)past + (i % length))], shape);
    }

    /// <summary>Shape of an input that holds one number, or one for each sequence.</summary>
    private static long[] Counts(ValueInfo port, int batch) => [.. (port.Dimensions ?? []).Select(d => Fixed(d) ?? batch)];

    private bool IsBatch(string dim) =>
        dim.Contains("batch", StringComparison.OrdinalIgnoreCase)
            || (_tokens.Rank > 1 && dim.Length > 0 && dim == _tokens.Dimensions![0] && Fixed(dim) is null);

    /// <summary>A cache of one sequence: its first size, or the one that other ports call the batch, is 1.</summary>
    private bool HoldsOne(ValueInfo cache) => cache.Dimensions is { Count: > 0 } dims && Fixed(dims[BatchAxis(cache)]) == 1;

    private int BatchAxis(ValueInfo cache)
    {
        for (var axis = 0; axis < cache.Rank; axis++)
            if (IsBatch(cache.Dimensions![axis])) return axis;
        return cache.Rank == 5 ? 1 : 0;
    }

    /// <summary>
    /// Cache shape for no cached tokens, or a state of fixed size before the first: symbols that speak of a batch are the batch, all other
    /// symbols are lengths.
    /// </summary>
    private long[] CacheShape(ValueInfo cache, int batch)
    {
        if (cache.Dimensions is null)
        {
            throw new RefusedException(
                "MKA021", cache.Name, "this cache input has no shape, so the model is not run", RuntimeSession.WithoutRun);
        }

        var batchAxis = BatchAxis(cache);
        return [.. cache.Dimensions.Select((dim, axis) => Fixed(dim) ?? (IsBatch(dim) || axis == batchAxis ? batch : 0L))];
    }
}
