using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;

namespace OnnxMka.Graph;

/// <param name="IsKept">The reader closes it, at its end.</param>
public readonly record struct OpenedFile(SafeFileHandle Handle, bool IsKept) : IDisposable
{
    public void Dispose()
    {
        if (!IsKept) Handle.Dispose();
    }
}

/// <summary>
/// Reads tensor bytes at their offsets. Thread-safe; keeps the first files open until disposed, and opens those beyond for each read.
/// </summary>
public sealed class TensorReader : IDisposable
{
    /// <summary>
    /// Exporters that write a file for each tensor make thousands of them, and processes may be held to some 1,000 open files.
    /// </summary>
    internal const int MostKept = 256;

    private readonly ConcurrentDictionary<string, Lazy<SafeFileHandle>> _handles = new(StringComparer.Ordinal);
    private int _kept;

    /// <summary>A file that a content points into, opened for reading; the caller disposes of it after use.</summary>
    public OpenedFile Open(string path)
    {
        if (_handles.TryGetValue(path, out var known)) return new OpenedFile(known.Value, IsKept: true);
        if (Interlocked.Increment(ref _kept) > MostKept)
        {
            Interlocked.Decrement(ref _kept);
            return new OpenedFile(OpenFile(path), IsKept: false);
        }

        var mine = new Lazy<SafeFileHandle>(() => OpenFile(path));
        var kept = _handles.GetOrAdd(path, mine);
        if (kept != mine) Interlocked.Decrement(ref _kept); // another thread was first with the same file
        return new OpenedFile(kept.Value, IsKept: true);
    }

    /// <summary>
    /// Copies the bytes from <paramref name="offset"/> within the tensor's raw layout. Refuses a range that the file lacks.
    /// </summary>
    public void Read(TensorRef tensor, long offset, Span<byte> destination)
    {
        if (offset < 0 || destination.Length > tensor.ByteLength - offset)
        {
            throw new ArgumentOutOfRangeException(
                nameof(offset), $"{destination.Length} bytes from {offset} on are more than {tensor} has");
        }

        switch (tensor.Content)
        {
            case FileRange range:
                ReadFully(range.Path, range.Offset + offset, destination, tensor.Name);
                break;
            case MemoryBytes memory:
                memory.Bytes.Span.Slice(checked((int)offset), destination.Length).CopyTo(destination);
                break;
            case ComputedContent computed:
                computed.Fill(offset, destination, this);
                break;
            case PackedVarints packed:
                VarintTensor.Decode(ReadFieldBytes(packed, tensor), tensor)
                    .AsSpan(checked((int)offset), destination.Length).CopyTo(destination);
                break;
            default:
                throw new NotSupportedException(tensor.Content.GetType().Name);
        }
    }

    /// <summary>The whole tensor in its raw layout. Refuses tensors above 2 GB: those are read in chunks.</summary>
    public byte[] ReadBytes(TensorRef tensor)
    {
        var bytes = new byte[InMemory(tensor, tensor.ByteLength)];
        Read(tensor, 0, bytes);
        return bytes;
    }

    /// <summary>The whole tensor widened to float. Element type fp32, fp16, bf16 or fp64 (rounded).</summary>
    public float[] ReadFloats(TensorRef tensor)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(InMemory(tensor, tensor.ByteLength));
        var values = new float[tensor.ElementCount];
        try
        {
            var span = bytes.AsSpan(0, (int)tensor.ByteLength);
            Read(tensor, 0, span);
            FloatCodec.Decode(tensor.Type, span, values);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }

        return values;
    }

    /// <summary>An integer tensor (int32, int64, uint8, bool, ...) as int64.</summary>
    public long[] ReadInts(TensorRef tensor) => FloatCodec.DecodeInts(tensor.Type, ReadBytes(tensor), tensor.ElementCount);

    private byte[] ReadFieldBytes(PackedVarints packed, TensorRef tensor)
    {
        var bytes = new byte[InMemory(tensor, packed.Length)];
        ReadFully(packed.Path, packed.Offset, bytes, tensor.Name);
        return bytes;
    }

    private static int InMemory(TensorRef tensor, long bytes) => bytes <= Array.MaxLength
        ? (int)bytes
        : throw new RefusedException(
            "MKA008",
            tensor.Name,
            $"it has {bytes} bytes and is needed in memory at once",
            "Tensors above 2 GB are only copied and merged, never held");

    private void ReadFully(string path, long offset, Span<byte> destination, string name)
    {
        using var file = Open(path);
        while (!destination.IsEmpty)
        {
            var read = RandomAccess.Read(file.Handle, destination, offset);
            if (read <= 0)
            {
                throw new RefusedException(
                    "MKA005",
                    name,
                    $"its bytes end early in {System.IO.Path.GetFileName(path)}",
                    "The file changed or was cut while it was read");
            }

            destination = destination[read..];
            offset += read;
        }
    }

    public void Dispose()
    {
        foreach (var handle in _handles.Values)
        {
            if (handle.IsValueCreated) handle.Value.Dispose();
        }
    }

    private static SafeFileHandle OpenFile(string path)
    {
        try
        {
            return RegularFile.Open(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RefusedException("MKA004", path, "it cannot be opened", "Check that the file is there and readable", e);
        }
    }
}
