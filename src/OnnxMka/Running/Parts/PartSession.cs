using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxMka.Graph;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Running.Parts;

/// <summary>One part loaded in ONNX Runtime. Freed before the next is loaded.</summary>
internal sealed class PartSession : IDisposable
{
    private readonly RuntimeSession _session;
    private readonly PartModel _part;
    private readonly BlockPart _origin;
    private readonly DecoderPorts _ports;
    private readonly HashSet<string> _inputs;
    private readonly Action<int, bool>? _watch;

    private PartSession(BlockPart origin, PartModel part, ExecutionTarget target, Action<int, bool>? watch)
    {
        _origin = origin;
        _part = part;
        _ports = DecoderPorts.Of(origin.Ports);
        _inputs = part.Model.Graph.FedInputs.Select(i => i.Name).ToHashSet(StringComparer.Ordinal);
        _session = RuntimeSession.Load(part.Model, target);
        _watch = watch;
        watch?.Invoke(origin.Place, true);
    }

    /// <summary>Element type of the part's end, as ONNX Runtime infers it. Refuses a seam that is no float tensor (MKA025).</summary>
    public ElementType EndType
    {
        get
        {
            var type = _session.TypeOf(_part.Outputs[0]);
            return type.IsMergeable()
                ? type
                : throw new RefusedException("MKA025", _origin.Name, $"what it leaves is of type {type}, not float", "Use --run whole");
        }
    }

    public static PartSession Load(BlockPart part, StreamForm? stream, ChainOptions options, ExecutionTarget target) =>
        new(part, part.Cut(stream), target, options.Watch);

    /// <summary>Runs some samples; the outputs of the part, the end first.</summary>
    /// <param name="input">What the part before left; null for the prelude.</param>
    public IDisposableReadOnlyCollection<OrtValue> Run(CalibrationSet set, int first, int count, SeamActivations? input)
    {
        var ids = set.Samples.AsSpan().Slice(first, count).ToArray().SelectMany(s => s).ToArray();
        return Run(ids, count, () => Stream(input!, first, count));
    }

    /// <summary>Whether the part's end has logits of every token; false where it has those of the last token of each sample.</summary>
    public static bool IsWhole(OrtValue logits, int count, int length) =>
        Answer.RowsOf(logits.GetTensorTypeAndShape().Shape, count, length) == count * length;

    /// <summary>
    /// Logits [count, T, vocabulary] of a head that answers for the last token alone: each token of the stream is given to it as a text of
    /// its own. What stands behind the last block mixes no tokens.
    /// </summary>
    public float[] TokenByToken(CalibrationSet set, int first, int count, SeamActivations input)
    {
        var (logits, stream) = (new List<float>(), new byte[input.SampleBytes]);
        var (together, tokenBytes) = (_ports.RowsAtOnce ?? set.Length, input.SampleBytes / set.Length);
        for (var sample = first; sample < first + count; sample++)
        {
            input.Read(sample, stream);
            for (var token = 0; token < set.Length; token += together)
            {
                var place = token;
                using var outputs = Run(
                    set.Samples[sample][token..(token + together)],
                    together,
                    () => Value(input.Type, stream.AsSpan(place * tokenBytes, together * tokenBytes), [together, 1, input.Width]));
                logits.AddRange(DecoderSession.ToFloats(outputs[0]));
            }
        }

        return [.. logits];
    }

    private IDisposableReadOnlyCollection<OrtValue> Run(int[] ids, int batch, Func<OrtValue> input)
    {
        var fed = _ports.Feed(ids, batch, 0, null);
        try
        {
            if (_part.Stream is { } stream) fed[stream] = input();
            var needed = fed.Where(f => _inputs.Contains(f.Key)).ToDictionary(StringComparer.Ordinal);
            return _session.Run(needed, _part.Outputs);
        }
        finally
        {
            foreach (var value in fed.Values) value.Dispose();
        }
    }

    /// <summary>Width of a seam. Refuses a stream that is not [batch, tokens, width] (MKA025).</summary>
    public int WidthOf(OrtValue end, int count, int length)
    {
        var shape = end.GetTensorTypeAndShape().Shape;
        if (shape is [var batch, var tokens, > 0 and <= int.MaxValue and var width] && batch == count && tokens == length)
            return (int)width;
        throw new RefusedException(
            "MKA025",
            _origin.Name,
            $"it leaves a stream of shape [{string.Join(", ", shape)}] for {count} samples of {length} tokens, "
            + "not [samples, tokens, width]",
            "Use --run whole");
    }

    public void Dispose()
    {
        _session.Dispose();
        _watch?.Invoke(_origin.Place, false);
    }

    private static OrtValue Stream(SeamActivations input, int first, int count)
    {
        var value = OrtValue.CreateAllocatedTensorValue(
            OrtAllocator.DefaultInstance, (TensorElementType)(int)input.Type, [count, input.Set.Length, input.Width]);
        input.Read(first, value.GetTensorMutableRawData());
        return value;
    }

    private static OrtValue Value(ElementType type, ReadOnlySpan<byte> bytes, long[] shape)
    {
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)(int)type, shape);
        bytes.CopyTo(value.GetTensorMutableRawData());
        return value;
    }
}
