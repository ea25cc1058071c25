using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace OnnxMka.Forge;

/// <summary>Makes the inputs of a step from the ports of a model.</summary>
internal sealed partial class InputFeed(IReadOnlyDictionary<string, NodeMetadata> ports, WeightTensor? embedding)
{
    /// <summary>Length given to sequences that are not the decoder's own (encoder states).</summary>
    private const int ForeignLength = 5;

    public bool HasCache => ports.Keys.Any(k => k.StartsWith("past_", StringComparison.Ordinal));

    public Dictionary<string, OrtValue> For(ReadOnlySpan<int> tokens, Cache? cache)
    {
        var past = cache?.Length ?? 0;
        var inputs = new Dictionary<string, OrtValue>(StringComparer.Ordinal);
        foreach (var (name, port) in ports)
        {
            inputs[name] = name switch
            {
                "input_ids" => Integers(port, tokens.ToArray().Select(t => (long)t)),
                "position_ids" => Integers(port, Enumerable.Range(past, tokens.Length).Select(p => (long)p)),
                "attention_mask" => Integers(port, Enumerable.Repeat(1L, past + tokens.Length)),
                "inputs_embeds" => Floats(port, [1, tokens.Length, embedding!.Shape[1]], Rows(tokens)),
                "cache_position" => OrtValue.CreateTensorValueFromMemory(Positions(past, tokens.Length), [tokens.Length]),
                "num_logits_to_keep" => OrtValue.CreateTensorValueFromMemory(new[] { 0L }, []),
                "use_cache_branch" => OrtValue.CreateTensorValueFromMemory(new[] { past > 0 }, [1]),
                _ when name.StartsWith("past_", StringComparison.Ordinal) => cache is not null ? cache.Values[name] : EmptyCache(port),
                _ => Features(port, past, tokens.Length),
            };
        }

        return inputs;
    }

    /// <summary>A copy of what a step gave, to go on with: the last tokens alone where the port's symbol says how many are kept.</summary>
    public OrtValue Kept(string past, OrtValue value)
    {
        var info = value.GetTensorTypeAndShape();
        var shape = info.Shape.ToArray();
        var (axis, kept) = KeptTokens(past, shape);
        var (rows, from) = (1L, kept < 0 ? 0 : shape[axis] - kept);
        for (var i = 0; i < axis; i++) rows *= shape[i];
        var source = value.GetTensorDataAsSpan<byte>();
        var (whole, skipped) = (source.Length / (int)rows, kept < 0 ? 0 : source.Length / (int)rows / (int)shape[axis] * (int)from);
        if (kept >= 0) shape[axis] = kept;
        var copy = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, info.ElementDataType, shape);
        var target = copy.GetTensorMutableDataAsSpan<byte>();
        var taken = whole - skipped;
        for (var row = 0; row < rows; row++) source.Slice(row * whole + skipped, taken).CopyTo(target[(row * taken)..]);
        return copy;
    }

    /// <summary>Axis and number of tokens to cut to; -1 where all are kept.</summary>
    private (int Axis, long Kept) KeptTokens(string past, long[] shape)
    {
        var symbols = ports[past].SymbolicDimensions;
        for (var axis = 0; axis < symbols.Length; axis++)
        {
            if (Sliding().Match(symbols[axis]) is not { Success: true } match) continue;
            var kept = long.Parse(match.Groups["kept"].Value, CultureInfo.InvariantCulture);
            if (kept < shape[axis]) return (axis, kept);
        }

        return (0, -1);
    }

    [GeneratedRegex("^past_sliding_(?<kept>[0-9]+)_length$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Sliding();

    private static long[] Positions(int past, int length) => [.. Enumerable.Range(past, length).Select(p => (long)p)];

    private static OrtValue Integers(NodeMetadata port, IEnumerable<long> values)
    {
        long[] all = [.. values];
        return port.ElementDataType == TensorElementType.Int32
            ? OrtValue.CreateTensorValueFromMemory(all.Select(v => (int)v).ToArray(), [1, all.Length])
            : OrtValue.CreateTensorValueFromMemory(all, [1, all.Length]);
    }

    private static OrtValue Floats(NodeMetadata port, long[] shape, float[] values) => port.ElementDataType == TensorElementType.Float16
        ? OrtValue.CreateTensorValueFromMemory(values.Select(v => (Float16)v).ToArray(), shape)
        : OrtValue.CreateTensorValueFromMemory(values, shape);

    private float[] Rows(ReadOnlySpan<int> tokens)
    {
        var width = embedding!.Shape[1];
        var rows = new float[tokens.Length * width];
        for (var i = 0; i < tokens.Length; i++) embedding.Span.Slice(tokens[i] * width, width).CopyTo(rows.AsSpan(i * width));
        return rows;
    }

    /// <summary>A cache of no tokens; the state of a convolution is of fixed length and starts at zero.</summary>
    private static OrtValue EmptyCache(NodeMetadata port)
    {
        var shape = port.Dimensions.Select((d, i) => d >= 0 ? d : port.SymbolicDimensions[i] == "batch_size" ? 1L : 0L).ToArray();
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, port.ElementDataType, shape);
        value.GetTensorMutableDataAsSpan<byte>().Clear();
        return value;
    }

    /// <summary>Values of an extra input, fixed by absolute position and column.</summary>
    private static OrtValue Features(NodeMetadata port, int past, int length)
    {
        var own = port.SymbolicDimensions[1] == "sequence_length";
        var (rows, first) = own ? (length, past) : (ForeignLength, 0);
        var width = port.Dimensions[2];
        var values = new float[rows * width];
        for (var i = 0; i < values.Length; i++) values[i] = MathF.Sin((first + i / width) * 1.7f + i % width * 0.31f);
        return Floats(port, [1, rows, width], values);
    }
}
