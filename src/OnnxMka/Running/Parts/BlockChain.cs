using Microsoft.ML.OnnxRuntime;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Running.Parts;

/// <summary>Takes the logits of some samples.</summary>
/// <param name="firstSample">Number of the first.</param>
/// <param name="samples">How many.</param>
/// <param name="logits">[samples, T, vocabulary]; valid only during the call.</param>
internal delegate void LogitsConsumer(int firstSample, int samples, ReadOnlySpan<float> logits);

/// <summary>Takes a tapped value of some samples.</summary>
/// <param name="tap">Place in <see cref="BlockPart.Taps"/>.</param>
/// <param name="values">The tapped value of those samples; valid only during the call.</param>
internal delegate void TapConsumer(int tap, int firstSample, int samples, ReadOnlySpan<float> values);

/// <summary>Takes what a part leaves and its taps, as floats, of some samples; valid only during the call.</summary>
internal delegate void PartConsumer(int firstSample, int samples, IReadOnlyList<float[]> values);

/// <summary>
/// Runs a model part by part: each is loaded as a session of its own, run over all samples, and freed before the next is loaded.
/// Memory: one part and the seams that are kept. A run can start at any kept seam, so that what follows a changed block is
/// all that is run again. Not for several threads at once.
/// </summary>
internal sealed class BlockChain
{
    private readonly ChainOptions _options;
    private readonly ExecutionTarget _target;
    private readonly SeamStore _store;

    private BlockChain(BlockMap map, ExecutionTarget target, ChainOptions options)
    {
        if (options.BatchSize < 1) throw new ArgumentOutOfRangeException(nameof(options), $"a batch of {options.BatchSize} samples");
        var ports = DecoderPorts.Of(map);
        if (ports.TokensAtOnce == 1)
        {
            throw new RefusedException(
                "MKA027",
                map.TokenInput,
                "the graph reads one token at once, and its blocks are run over whole texts",
                "Name the blocks: --blocks LIST --method drop");
        }

        BatchSize = Math.Min(options.BatchSize, ports.RowsAtOnce ?? options.BatchSize);
        Map = map;
        _target = target;
        _options = options;
        _store = new SeamStore(options.SeamMemory, options.SpillFolder);
    }

    public BlockMap Map { get; }

    /// <summary>Samples that run at once; the last batch may be smaller.</summary>
    internal int BatchSize { get; }

    /// <summary>Refuses inputs whose meaning is not known, as a whole-model run does.</summary>
    public static BlockChain Of(BlockMap map, ExecutionTarget target, ChainOptions? options = null) =>
        new(map, target, options ?? new ChainOptions());

    /// <summary>Token ids to seam -1, which block 0 reads. Refuses ids beyond the vocabulary. Progress counts samples.</summary>
    public SeamActivations RunPrelude(CalibrationSet set, IProgress<int>? progress = null, CancellationToken ct = default)
    {
        Vocabulary.Check(Map, set);
        return Kept(BlockPart.Prelude(Map.Model, Map), set, null, null, progress, ct);
    }

    /// <summary>Token ids to the last seam, which the head reads: every block loaded, run over all samples and freed in turn.</summary>
    public SeamActivations RunBlocks(CalibrationSet set, CancellationToken ct = default)
    {
        var stream = RunPrelude(set, ct: ct);
        try
        {
            for (var block = 0; block < Map.Count; block++) stream = Move(BlockPart.Of(Map.Model, Map, block), stream, null, null, ct);
            return stream;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Seam <paramref name="block"/> - 1 (or any other stream in its place) to seam <paramref name="block"/>; the input is kept.
    /// </summary>
    public SeamActivations RunBlock(int block, SeamActivations input, IProgress<int>? progress = null, CancellationToken ct = default) =>
        RunBlock(BlockPart.Of(Map.Model, Map, block), input, null, progress, ct);

    /// <summary>The same for a changed block, or one with taps.</summary>
    public SeamActivations RunBlock(
        BlockPart part, SeamActivations input, TapConsumer? taps = null, IProgress<int>? progress = null, CancellationToken ct = default) =>
        Kept(part, input.Set, input, taps, progress, ct);

    /// <summary>
    /// Moves several streams through a block with one load of it: each then holds what it was before, one block later. This is how many
    /// candidates for removal are compared at the price of one pass over the weights.
    /// </summary>
    public void Advance(
        BlockPart part,
        IReadOnlyList<SeamActivations> streams,
        TapConsumer? taps = null,
        IProgress<int>? progress = null,
        CancellationToken ct = default)
    {
        if (streams.Count == 0) return;
        var form = FormOf(streams[0]);
        if (streams.Any(s => FormOf(s) != form)) throw new ArgumentException("the streams differ in type or width", nameof(streams));
        using var session = Load(part, form, ct);
        if (session.EndType != form.Type)
        {
            throw new ArgumentException(
                $"{part.Name} takes a stream of type {form.Type} and leaves one of type {session.EndType}", nameof(part));
        }

        foreach (var stream in streams) Overwrite(session, stream, taps, progress, ct);
    }

    /// <summary>
    /// The same, and one more stream that starts at a seam and leaves it as it is: all with one load where they have one form.
    /// </summary>
    public SeamActivations Advance(
        BlockPart part, IReadOnlyList<SeamActivations> streams, SeamActivations branch, CancellationToken ct = default)
    {
        if (streams.Any(s => FormOf(s) != FormOf(branch)))
        {
            Advance(part, streams, ct: ct);
            return RunBlock(part, branch, ct: ct);
        }

        using var session = Load(part, FormOf(branch), ct);
        if (streams.Count > 0 && session.EndType != branch.Type)
        {
            throw new ArgumentException(
                $"{part.Name} takes a stream of type {branch.Type} and leaves one of type {session.EndType}", nameof(part));
        }

        foreach (var stream in streams) Overwrite(session, stream, null, null, ct);
        return Kept(session, branch.Set, branch, null, null, ct);
    }

    /// <summary>Logits of several streams with one load of the head, stream by stream.</summary>
    internal void RunEpilogue(
        BlockPart part, IReadOnlyList<SeamActivations> streams, Action<int, int, ReadOnlySpan<float>> consume, CancellationToken ct)
    {
        PartSession? session = null;
        StreamForm? form = null;
        try
        {
            for (var i = 0; i < streams.Count; i++)
            {
                if (form != FormOf(streams[i]))
                {
                    session?.Dispose();
                    session = Load(part, form = FormOf(streams[i]), ct);
                }

                var number = i;
                RunHead(session!, streams[i], null, ct, (first, _, logits) => consume(number, first, logits));
            }
        }
        finally
        {
            session?.Dispose();
        }
    }

    /// <summary>
    /// Moves one stream through a block: in place, or into a new one where the block changes the element type; the old one is then
    /// disposed.
    /// </summary>
    internal SeamActivations Move(BlockPart part, SeamActivations stream, TapConsumer? taps, IProgress<int>? progress, CancellationToken ct)
    {
        using var session = Load(part, FormOf(stream), ct);
        if (session.EndType != stream.Type)
        {
            using (stream) return Kept(session, stream.Set, stream, taps, progress, ct);
        }

        Overwrite(session, stream, taps, progress, ct);
        return stream;
    }

    /// <summary>The last seam to logits, handed over batch by batch in the order of the samples.</summary>
    public void RunEpilogue(
        SeamActivations input, LogitsConsumer consumer, IProgress<int>? progress = null, CancellationToken ct = default) =>
        RunEpilogue(BlockPart.Epilogue(Map.Model, Map), input, consumer, progress, ct);

    /// <summary>The same for a changed head.</summary>
    public void RunEpilogue(
        BlockPart part, SeamActivations input, LogitsConsumer consumer, IProgress<int>? progress = null, CancellationToken ct = default)
    {
        using var session = Load(part, FormOf(input), ct);
        RunHead(session, input, progress, ct, consumer);
    }

    /// <summary>Loads a part for several streams of one form.</summary>
    /// <param name="like">A stream of that form.</param>
    internal OpenPart Open(BlockPart part, SeamActivations like, CancellationToken ct = default) => new(this, Load(part, FormOf(like), ct));

    /// <summary>Runs a part for what it leaves (first) and its taps, and keeps nothing.</summary>
    internal void Observe(PartSession session, SeamActivations input, PartConsumer consumer, CancellationToken ct) =>
        Run(session, input.Set, input, null, ct, (first, count, outputs) =>
            consumer(first, count, [.. outputs.Select(DecoderSession.ToFloats)]));

    private SeamActivations Kept(
        BlockPart part, CalibrationSet set, SeamActivations? input, TapConsumer? taps, IProgress<int>? progress, CancellationToken ct)
    {
        using var session = Load(part, input is null ? null : FormOf(input), ct);
        return Kept(session, set, input, taps, progress, ct);
    }

    internal SeamActivations Kept(
        PartSession session, CalibrationSet set, SeamActivations? input, TapConsumer? taps, IProgress<int>? progress, CancellationToken ct)
    {
        SeamActivations? kept = null;
        try
        {
            Run(session, set, input, progress, ct, (first, count, outputs) =>
            {
                Hand(outputs, taps, first, count);
                kept ??= _store.Create(set, session.EndType, session.WidthOf(outputs[0], count, set.Length));
                kept.Write(first, outputs[0].GetTensorMutableRawData());
            });
            return kept!;
        }
        catch
        {
            kept?.Dispose();
            throw;
        }
    }

    private void Overwrite(
        PartSession session, SeamActivations stream, TapConsumer? taps, IProgress<int>? progress, CancellationToken ct) =>
        Run(session, stream.Set, stream, progress, ct, (first, count, outputs) =>
        {
            Hand(outputs, taps, first, count);
            stream.Write(first, outputs[0].GetTensorMutableRawData());
        });

    private PartSession Load(BlockPart part, StreamForm? stream, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        return PartSession.Load(part, stream, _options, _target);
    }

    private void Run(
        PartSession session,
        CalibrationSet set,
        SeamActivations? input,
        IProgress<int>? progress,
        CancellationToken ct,
        Action<int, int, IReadOnlyList<OrtValue>> consume)
    {
        for (var first = 0; first < set.Count; first += BatchSize)
        {
            ct.ThrowIfCancellationRequested();
            var count = Math.Min(BatchSize, set.Count - first);
            using var outputs = session.Run(set, first, count, input);
            consume(first, count, outputs);
            progress?.Report(count);
        }
    }

    /// <summary>Logits of every token, also of a head that gives those of the last alone.</summary>
    private void RunHead(
        PartSession session, SeamActivations input, IProgress<int>? progress, CancellationToken ct, LogitsConsumer consume) =>
        Run(session, input.Set, input, progress, ct, (first, count, outputs) =>
        {
            if (PartSession.IsWhole(outputs[0], count, input.Set.Length)) WithFloats(outputs[0], logits => consume(first, count, logits));
            else consume(first, count, session.TokenByToken(input.Set, first, count, input));
        });

    private static StreamForm FormOf(SeamActivations seam) => new(seam.Type, seam.Width);

    private static void Hand(IReadOnlyList<OrtValue> outputs, TapConsumer? taps, int first, int count)
    {
        for (var i = 1; i < outputs.Count && taps is not null; i++)
        {
            var tap = i - 1;
            WithFloats(outputs[i], values => taps(tap, first, count, values));
        }
    }

    private static void WithFloats(OrtValue value, FloatsConsumer consume)
    {
        if (value.GetTensorTypeAndShape().ElementDataType == Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Float)
            consume(value.GetTensorDataAsSpan<float>());
        else consume(DecoderSession.ToFloats(value));
    }

    private delegate void FloatsConsumer(ReadOnlySpan<float> values);
}
