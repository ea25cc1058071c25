using System.Buffers;
using Microsoft.Win32.SafeHandles;
using OnnxMka.Graph;
using OnnxMka.Outcomes;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Running.Parts;

/// <summary>
/// The residual stream at one seam for every token of a calibration set: <c>[samples, T, H]</c> in the model's own float type. In memory,
/// or in a file that goes when this is disposed. Not for several threads at once.
/// </summary>
public sealed class SeamActivations : IDisposable
{
    private readonly byte[][]? _rows;
    private readonly SafeFileHandle? _file;
    private readonly Action _release;
    private bool _disposed;

    internal SeamActivations(CalibrationSet set, ElementType type, int width, SafeFileHandle? file, Action release)
    {
        Set = set;
        Type = type;
        Width = width;
        SampleBytes = checked(set.Length * width * (type.Bits() / 8));
        _release = release;
        _file = file;
        if (file is null) _rows = [.. Enumerable.Range(0, set.Count).Select(_ => GC.AllocateUninitializedArray<byte>(SampleBytes))];
    }

    private SeamActivations(SeamActivations whole, CalibrationSet set)
    {
        (Set, Type, Width, SampleBytes) = (set, whole.Type, whole.Width, whole.SampleBytes);
        (_rows, _file, _release) = (whole._rows, whole._file, () => { });
    }

    /// <summary>The samples, in the order of the rows.</summary>
    public CalibrationSet Set { get; }

    /// <summary>The model's float type.</summary>
    public ElementType Type { get; }

    /// <summary>Width of the stream, H.</summary>
    public int Width { get; }

    /// <summary>Bytes of one sample: T x H elements.</summary>
    public int SampleBytes { get; }

    /// <summary>Bytes of all samples.</summary>
    public long ByteLength => (long)Set.Count * SampleBytes;

    /// <summary>True where they lie in a file.</summary>
    public bool IsSpilled => _file is not null;

    /// <summary>Copies whole samples: as many as fill the destination.</summary>
    public void Read(int firstSample, Span<byte> destination)
    {
        Check(firstSample, destination.Length);
        if (_rows is not null)
        {
            for (var i = 0; i < destination.Length / SampleBytes; i++) _rows[firstSample + i].CopyTo(destination[(i * SampleBytes)..]);
            return;
        }

        var offset = (long)firstSample * SampleBytes;
        while (!destination.IsEmpty)
        {
            var read = RandomAccess.Read(_file!, destination, offset);
            if (read <= 0) throw new OutputException("The file with the activations was cut while it was in use.");
            destination = destination[read..];
            offset += read;
        }
    }

    /// <summary>Samples as floats, [samples, T, H]: fp16 and bf16 are widened, fp64 is rounded.</summary>
    public void ReadFloats(int firstSample, Span<float> destination)
    {
        var size = Type.Bits() / 8;
        var bytes = ArrayPool<byte>.Shared.Rent(checked(destination.Length * size));
        Read(firstSample, bytes.AsSpan(0, destination.Length * size));
        FloatCodec.Decode(Type, bytes.AsSpan(0, destination.Length * size), destination);
        ArrayPool<byte>.Shared.Return(bytes);
    }

    /// <summary>Frees the memory, or closes the file, which then is no more.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _rows?.AsSpan().Clear();
        _file?.Dispose();
        _release();
    }

    /// <summary>The first samples of it: a view, which ends with this.</summary>
    internal SeamActivations Head(int samples) =>
        samples >= Set.Count ? this : new SeamActivations(this, Set with { Samples = [.. Set.Samples.Take(samples)] });

    internal void Write(int firstSample, ReadOnlySpan<byte> source)
    {
        Check(firstSample, source.Length);
        if (_rows is not null)
        {
            for (var i = 0; i < source.Length / SampleBytes; i++) source.Slice(i * SampleBytes, SampleBytes).CopyTo(_rows[firstSample + i]);
            return;
        }

        try
        {
            RandomAccess.Write(_file!, source, (long)firstSample * SampleBytes);
        }
        catch (IOException e)
        {
            throw new OutputException($"Cannot keep {ByteLength} bytes of activations on disk: {e.Message.TrimEnd('.')}.", e);
        }
    }

    private void Check(int firstSample, int bytes)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(firstSample);
        if (bytes % SampleBytes != 0) throw new ArgumentException($"{bytes} bytes are no whole samples of {SampleBytes}.", nameof(bytes));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstSample, Set.Count - (bytes / SampleBytes));
    }
}
