namespace OnnxMka.Graph;

/// <summary>
/// Where the bytes of a tensor come from. All contents but <see cref="PackedVarints"/> are the raw little-endian layout of
/// <c>TensorProto.raw_data</c>, which is also that of external data files.
/// </summary>
public abstract class TensorContent
{
    private protected TensorContent()
    {
    }

    /// <summary>Number of bytes.</summary>
    public abstract long Length { get; }
}

/// <summary>Bytes inside a file: <c>raw_data</c>, packed <c>float_data</c>, or external data. Nothing is read until asked for.</summary>
public sealed class FileRange(string path, long offset, long length) : TensorContent
{
    public string Path { get; } = path;

    public long Offset { get; } = offset;

    public override long Length { get; } = length;

    /// <summary>Field of TensorProto that the bytes stand in where they lie in a model file.</summary>
    internal int Field { get; init; } = TensorField.RawData;
}

/// <summary>A packed varint field (<c>int32_data</c>, <c>int64_data</c>, <c>uint64_data</c>) inside an <c>.onnx</c> file.</summary>
public sealed class PackedVarints(string path, long offset, long length, int field) : TensorContent
{
    public string Path { get; } = path;

    public long Offset { get; } = offset;

    public override long Length { get; } = length;

    /// <summary>Field number within TensorProto: the bytes can only stand in that field again.</summary>
    public int Field { get; } = field;
}

/// <summary>Bytes held in memory: small constants and computed corrections.</summary>
public sealed class MemoryBytes(ReadOnlyMemory<byte> bytes) : TensorContent
{
    public ReadOnlyMemory<byte> Bytes { get; } = bytes;

    public override long Length => Bytes.Length;
}

/// <summary>Bytes that are computed while they are written, chunk by chunk, in any order and on any thread.</summary>
public abstract class ComputedContent : TensorContent
{
    /// <summary>Size of one element: chunks start and end at multiples of it.</summary>
    public abstract int ElementSize { get; }

    /// <summary>Ranges that <see cref="Fill"/> reads, each at the offset that it is asked for: what may be fetched ahead.</summary>
    public virtual IEnumerable<FileRange> Sources => [];

    /// <summary>Writes the bytes from <paramref name="offset"/> on. Must not depend on how the tensor is cut into chunks.</summary>
    public abstract void Fill(long offset, Span<byte> destination, TensorReader reader);
}

/// <summary>A packed varint field on its way into a data file, which knows the raw layout only: decoded while it is written.</summary>
internal sealed class DecodedVarints(PackedVarints source, TensorRef tensor) : TensorContent
{
    public PackedVarints Source { get; } = source;

    public TensorRef Tensor { get; } = tensor;

    public override long Length { get; } = tensor.ByteLength;
}
