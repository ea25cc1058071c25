using Microsoft.ML.OnnxRuntime;
using OnnxMka.Structure;

namespace OnnxMka.Running.Sessions;

/// <summary>
/// A decoder loaded in ONNX Runtime: whole sequences, and steps with its cache. Graphs that read one sequence at once, or one token, or
/// that answer with the logits of the last token alone, are run as often as it takes.
/// </summary>
internal sealed class DecoderSession : IDisposable
{
    private readonly RuntimeSession _session;
    private readonly OrtMemoryInfo _memory; // where the cache stays between steps
    private readonly Lazy<bool> _steps;
    private CachedTokens _cached = CachedTokens.None;
    private bool? _answersLastAlone;

    private DecoderSession(RuntimeSession session, DecoderPorts ports, BlockMap map, OrtMemoryInfo memory)
    {
        _session = session;
        _memory = memory;
        Ports = ports;
        _steps = new Lazy<bool>(() => Understood(map));
    }

    public DecoderPorts Ports { get; }

    /// <summary>
    /// True where tokens one by one get the answers that they get at once, tried with random ids: only then is the cache what it is taken
    /// for.
    /// </summary>
    public bool Steps => Ports.CanStep && _steps.Value;

    /// <summary>The graph gives the logits of the last token, however many it reads.</summary>
    internal bool AnswersLastAlone
    {
        get
        {
            if (_answersLastAlone is null && Ports.TokensAtOnce is null) Whole([0, 0], 1);
            return _answersLastAlone ?? false;
        }
    }

    /// <summary>Loads a model that need not exist as a file: weights are read where they lie.</summary>
    public static DecoderSession Load(BlockMap map, ExecutionTarget target) => Load(map, DecoderPorts.Of(map), target);

    /// <summary>Logits of a batch of equally long sequences, without cache. Float32, [batch, length, vocabulary].</summary>
    public float[] Logits(ReadOnlySpan<int> ids, int batch)
    {
        var length = ids.Length / batch;
        if (batch > Ports.RowsAtOnce) return RowByRow(ids, length);
        if (length == 1 || (_answersLastAlone != true && Ports.TokensAtOnce != 1))
        {
            var answer = Whole(ids, batch);
            if (answer.Rows == batch * length) return answer.Values;
        }

        // Step by step where that is understood, and where there is no other way; else a run for each beginning.
        return Ports.TokensAtOnce == 1 || Steps ? Stepped(ids, batch) : Grown(ids, batch);
    }

    /// <summary>Named outputs of a batch of equally long sequences, without cache, as float32 with their shapes.</summary>
    public (float[] Values, long[] Shape)[] Outputs(ReadOnlySpan<int> ids, int batch, IReadOnlyCollection<string> names)
    {
        var length = ids.Length / batch;
        if (Ports.TokensAtOnce is not null && Ports.TokensAtOnce != length) throw OtherLength(length);
        if (!(batch > Ports.RowsAtOnce)) return Run(ids, batch, names);
        var rows = new (float[] Values, long[] Shape)[batch][];
        for (var i = 0; i < batch; i++) rows[i] = Run(ids.Slice(i * length, length), 1, names);
        return
        [
            .. Enumerable.Range(0, names.Count).Select(
                n => (rows.SelectMany(r => r[n].Values).ToArray(), (long[])[rows.Sum(r => r[n].Shape[0]), .. rows[0][n].Shape[1..]])),
        ];
    }

    /// <summary>Appends tokens of one sequence to the cache; logits of those positions, [length, vocabulary].</summary>
    public float[] Step(ReadOnlySpan<int> ids) => Replace(Append(_cached, ids, all: true));

    /// <summary>Appends tokens of one sequence to the cache; logits of the last of them.</summary>
    public float[] StepToLast(ReadOnlySpan<int> ids) => Replace(Append(_cached, ids, all: false));

    /// <summary>Logits of tokens behind the cache, [length, vocabulary]; the cache stays as it is.</summary>
    public float[] Peek(ReadOnlySpan<int> ids)
    {
        var (logits, cached) = Append(_cached, ids, all: true);
        cached.Dispose();
        return logits;
    }

    /// <summary>Forgets the cached tokens.</summary>
    public void Restart() => Replace(([], CachedTokens.None));

    public void Dispose()
    {
        Restart();
        _memory.Dispose();
        _session.Dispose();
    }

    internal static DecoderSession Load(BlockMap map, DecoderPorts ports, ExecutionTarget target) =>
        new(RuntimeSession.Load(map.Model, target), ports, map, target.CacheMemory());

    /// <summary>Logits at some places of one sequence, each [vocabulary], from runs that read all that stands before at once.</summary>
    internal float[][] At(ReadOnlySpan<int> ids, IReadOnlyList<int> places)
    {
        var rows = new float[places.Count][];
        if (AnswersLastAlone)
        {
            for (var i = 0; i < rows.Length; i++) rows[i] = Whole(ids[..(places[i] + 1)], 1).Values;
            return rows;
        }

        var count = places.Max() + 1;
        var read = ids[..count];
        var all = Ports.TokensAtOnce == 1 ? Logits(read, 1) : Whole(read, 1).Values;
        for (var i = 0; i < rows.Length; i++) rows[i] = all.AsSpan(places[i] * (all.Length / count), all.Length / count).ToArray();
        return rows;
    }

    internal static float[] ToFloats(OrtValue value) => TensorValues.Floats(value) is { } floats
        ? floats
        : throw new RefusedException(
            "MKA022", "the logits", $"they are of type {TensorValues.TypeOf(value)}, not float", "Export the model with float outputs");

    /// <summary>What is cached stays as it is.</summary>
    private bool Understood(BlockMap map)
    {
        var kept = _cached;
        _cached = CachedTokens.None;
        try
        {
            var ids = RandomTokens.Of(map, Stepping.NearTokens);
            if (Ports.TokensAtOnce is null) return Stepping.Of(this, ids, Stepping.NearPrefill).IsUnderstood(Rounding.Of(map.Model));
            // There is no run over several tokens to compare with; what can be seen is that the caches grow.
            StepToLast(ids.AsSpan(0, 3));
            return Ports.CachesHold(_cached.Values!, 3);
        }
        catch (RefusedException e) when (RuntimeSession.Failed(e) && Ports.TokensAtOnce == 1)
        {
            return false;
        }
        finally
        {
            Restart();
            _cached = kept;
        }
    }

    private float[] Replace((float[] Logits, CachedTokens Cached) step)
    {
        _cached.Dispose();
        _cached = step.Cached;
        return step.Logits;
    }

    private float[] RowByRow(ReadOnlySpan<int> ids, int length)
    {
        var rows = new List<float>();
        for (var start = 0; start < ids.Length; start += length) rows.AddRange(Logits(ids.Slice(start, length), 1));
        return [.. rows];
    }

    private float[] Stepped(ReadOnlySpan<int> ids, int batch)
    {
        if (!Ports.HasCache) throw OtherLength(ids.Length / batch);
        var (length, cached, column) = (ids.Length / batch, CachedTokens.None, new int[batch]);
        var tokens = new float[length][];
        for (var token = 0; token < length; token++)
        {
            for (var row = 0; row < batch; row++) column[row] = ids[(row * length) + token];
            var (answer, next) = Advance(cached, column, batch);
            cached.Dispose();
            (tokens[token], cached) = (answer.Values, next);
        }

        cached.Dispose();
        return ByRows(tokens, batch);
    }

    /// <summary>One run for each token: all that stands before it, and it.</summary>
    private float[] Grown(ReadOnlySpan<int> ids, int batch)
    {
        var length = ids.Length / batch;
        var tokens = new float[length][];
        for (var token = 0; token < length; token++)
        {
            var beginnings = new int[batch * (token + 1)];
            for (var row = 0; row < batch; row++) ids.Slice(row * length, token + 1).CopyTo(beginnings.AsSpan(row * (token + 1)));
            tokens[token] = Whole(beginnings, batch).Values;
        }

        return ByRows(tokens, batch);
    }

    /// <summary>[length][batch, vocabulary] to [batch, length, vocabulary].</summary>
    private static float[] ByRows(float[][] tokens, int batch)
    {
        var width = tokens[0].Length / batch;
        var rows = new float[tokens.Length * tokens[0].Length];
        for (var row = 0; row < batch; row++)
            for (var token = 0; token < tokens.Length; token++)
                tokens[token].AsSpan(row * width, width).CopyTo(rows.AsSpan(((row * tokens.Length) + token) * width));
        return rows;
    }

    /// <summary>One run without cache: an answer for every token, or for the last of each sequence.</summary>
    private Answer Whole(ReadOnlySpan<int> ids, int batch)
    {
        var length = ids.Length / batch;
        var read = Ports.TokensAtOnce ?? length;
        if (read < length) throw OtherLength(length);
        var padded = new int[batch * read];
        for (var row = 0; row < batch; row++)
        {
            // What stands behind a token changes nothing for it.
            padded.AsSpan(row * read, read).Fill(ids[((row + 1) * length) - 1]);
            ids.Slice(row * length, length).CopyTo(padded.AsSpan(row * read));
        }

        var (values, shape) = Run(padded, batch, [Ports.Logits])[0];
        var answer = Answer.Of(values, shape, batch, read);
        if (read > 1) _answersLastAlone = answer.Rows == batch;
        if (read == length) return answer;
        return answer.Rows == batch * read ? answer.Beginning(batch, length) : throw OtherLength(length);
    }

    private (float[] Values, long[] Shape)[] Run(ReadOnlySpan<int> ids, int batch, IReadOnlyCollection<string> names)
    {
        var feeds = Ports.Feed(ids, batch, 0, null);
        try
        {
            using var outputs = _session.Run(feeds, names);
            return [.. outputs.Select(o => (ToFloats(o), o.GetTensorTypeAndShape().Shape))];
        }
        finally
        {
            foreach (var feed in feeds.Values) feed.Dispose();
        }
    }

    /// <param name="all">Logits of every token, and not only of the last.</param>
    private (float[] Logits, CachedTokens Cached) Append(CachedTokens from, ReadOnlySpan<int> ids, bool all)
    {
        if (ids.Length > 1 && (Ports.TokensAtOnce == 1 || (all && AnswersLastAlone)))
        {
            var (logits, cached) = (new List<float>(), from);
            foreach (var id in ids)
            {
                var (one, next) = Advance(cached, [id], 1);
                if (!all) logits.Clear();
                logits.AddRange(one.Values);
                if (!ReferenceEquals(cached, from)) cached.Dispose();
                cached = next;
            }

            return ([.. logits], cached);
        }

        var (answer, left) = Advance(from, ids, 1);
        return (all ? answer.Values : answer.Values[^answer.Width..], left);
    }

    /// <summary>One run behind cached tokens, which stay as they are.</summary>
    private (Answer Answer, CachedTokens Cached) Advance(CachedTokens from, ReadOnlySpan<int> ids, int batch)
    {
        var feeds = Ports.Feed(ids, batch, from.Count, from.Values);
        var kept = from.Values?.Values.ToHashSet() ?? [];
        try
        {
            string[] presents = [.. Ports.Presents];
            var outputs = _session.Run(
                feeds, [Ports.Logits, .. presents], name => name == Ports.Logits ? OrtMemoryInfo.DefaultInstance : _memory);
            var answer = Answer.Of(ToFloats(outputs[0]), outputs[0].GetTensorTypeAndShape().Shape, batch, ids.Length / batch);
            outputs[0].Dispose();
            var cache = presents.Select((n, i) => (n, Value: outputs[i + 1])).ToDictionary(p => p.n, p => p.Value, StringComparer.Ordinal);
            return (answer, new CachedTokens(cache, from.Count + (ids.Length / batch)));
        }
        finally
        {
            foreach (var feed in feeds.Values.Where(f => !kept.Contains(f))) feed.Dispose();
        }
    }

    private RefusedException OtherLength(int length) => new(
        "MKA027",
        Ports.Tokens,
        $"the graph reads {Ports.TokensAtOnce} tokens at once and no other number, and here are {length}",
        Ports.TokensAtOnce > 1
            ? $"Use --seq-len {Ports.TokensAtOnce} (eval: --window), or --blocks LIST --method drop --no-eval --no-verify"
            : RuntimeSession.WithoutRun);
}
