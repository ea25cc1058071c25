using System.Buffers;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using OnnxMka.Graph.Wire;

namespace OnnxMka.Graph;

/// <summary>
/// Streams pieces into a new file, forwards. Byte ranges of other files are copied by the kernel where it can, computed tensors
/// are filled in chunks on all cores; the bytes do not depend on the number of cores. Peak memory: a few chunks.
/// </summary>
internal sealed class PieceWriter(TensorReader reader, IProgress<long>? progress, CancellationToken ct, int? threads = null)
{
    private const int ChunkBytes = 4 << 20;

    /// <summary>Small enough that the float64 sums of one chunk stay in a core's cache.</summary>
    private const int ComputedChunkBytes = 256 << 10;
    private const int KernelCopyBytes = 64 << 20;

    private readonly int _threads = threads ?? Environment.ProcessorCount;

    /// <summary>Writes and flushes to disk. The file must not exist.</summary>
    public void Write(string path, IReadOnlyList<OutputPiece> pieces)
    {
        var length = pieces.Sum(p => p.Length);
        using var handle = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, FileOptions.None, length);
        long position = 0;
        foreach (var piece in pieces)
        {
            ct.ThrowIfCancellationRequested();
            switch (piece)
            {
                case LiteralPiece literal:
                    RandomAccess.Write(handle, literal.Bytes.Span, position);
                    progress?.Report(piece.Length);
                    break;
                case PaddingPiece:
                    // The file starts out as zeros.
                    progress?.Report(piece.Length);
                    break;
                case ContentPiece content:
                    WriteContent(handle, position, content);
                    break;
            }

            position += piece.Length;
        }

        if (RandomAccess.GetLength(handle) != length) RandomAccess.SetLength(handle, length);
        RandomAccess.FlushToDisk(handle);
    }

    private void WriteContent(SafeFileHandle output, long position, ContentPiece piece)
    {
        switch (piece.Content)
        {
            case FileRange range:
                CopyRange(output, position, range.Path, range.Offset, range.Length, piece.Tensor);
                break;
            case PackedVarints packed:
                CopyRange(output, position, packed.Path, packed.Offset, packed.Length, piece.Tensor);
                break;
            case MemoryBytes memory:
                RandomAccess.Write(output, memory.Bytes.Span, position);
                progress?.Report(memory.Length);
                break;
            case DecodedVarints decoded:
                WriteDecoded(output, position, decoded);
                break;
            case ComputedContent computed:
                WriteComputed(output, position, computed);
                break;
            default:
                throw new NotSupportedException(piece.Content.GetType().Name);
        }
    }

    private void WriteDecoded(SafeFileHandle output, long position, DecodedVarints decoded)
    {
        foreach (var bytes in VarintTensor.DecodeChunks(reader.Open(decoded.Source.Path), decoded.Source, decoded.Tensor))
        {
            ct.ThrowIfCancellationRequested();
            RandomAccess.Write(output, bytes.Span, position);
            position += bytes.Length;
            progress?.Report(bytes.Length);
        }
    }

    private void WriteComputed(SafeFileHandle output, long position, ComputedContent content)
    {
        var chunk = Math.Max(ComputedChunkBytes / content.ElementSize, 1) * content.ElementSize;
        var chunks = (content.Length + chunk - 1) / chunk;
        var options = new ParallelOptions { CancellationToken = ct, MaxDegreeOfParallelism = _threads };
        try
        {
            Parallel.For(0, chunks, options, i => WriteChunk(output, position, content, i * chunk, (int)Math.Min(chunk, content.Length - (i * chunk))));
        }
        catch (AggregateException e)
        {
            // Chunks fail alike (a file that is gone, a full disk): the caller gets one of them, as from a single thread.
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
    }

    private void WriteChunk(SafeFileHandle output, long position, ComputedContent content, long offset, int count)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(count);
        content.Fill(offset, buffer.AsSpan(0, count), reader);
        RandomAccess.Write(output, buffer.AsSpan(0, count), position + offset);
        ArrayPool<byte>.Shared.Return(buffer);
        progress?.Report(count);
    }

    private void CopyRange(SafeFileHandle output, long position, string path, long offset, long length, string tensor)
    {
        var input = reader.Open(path);
        var copied = 0L;
        if (OperatingSystem.IsLinux() && length >= ChunkBytes) copied = KernelCopy(input, offset, output, position, length);
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(ChunkBytes, Math.Max(length - copied, 1)));
        while (copied < length)
        {
            ct.ThrowIfCancellationRequested();
            var want = (int)Math.Min(buffer.Length, length - copied);
            var read = RandomAccess.Read(input, buffer.AsSpan(0, want), offset + copied);
            if (read <= 0)
                throw new RefusedException("MKA005", tensor.Length > 0 ? tensor : "a tensor", $"its bytes end early in {Path.GetFileName(path)}", "The file changed while it was read");
            RandomAccess.Write(output, buffer.AsSpan(0, read), position + copied);
            copied += read;
            progress?.Report(read);
        }

        ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <summary>copy_file_range(2); returns how much it copied, so that what a file system cannot do is left to the buffer loop.</summary>
    private long KernelCopy(SafeFileHandle input, long offset, SafeFileHandle output, long position, long length)
    {
        var copied = 0L;
        while (copied < length)
        {
            ct.ThrowIfCancellationRequested();
            var from = offset + copied;
            var to = position + copied;
            var count = NativeCopy.CopyFileRange(input, ref from, output, ref to, (nuint)Math.Min(KernelCopyBytes, length - copied), 0);
            if (count <= 0) break;
            copied += count;
            progress?.Report(count);
        }

        return copied;
    }
}

internal static partial class NativeCopy
{
    [LibraryImport("libc", EntryPoint = "copy_file_range", SetLastError = true)]
    public static partial nint CopyFileRange(SafeFileHandle input, ref long inputOffset, SafeFileHandle output, ref long outputOffset, nuint length, uint flags);
}
