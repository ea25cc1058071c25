using System.Buffers;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OnnxMka.Graph;

/// <summary>
/// Streams pieces into a new file, forwards. Byte ranges of other files are copied by the kernel where it can, computed tensors
/// are filled in chunks on all cores while the disk reads what the next chunks need; the bytes do not depend on the number of cores.
/// Peak memory: a few chunks.
/// </summary>
/// <param name="passesMemory">See <see cref="OutputFile"/>.</param>
internal sealed class PieceWriter(
    TensorReader reader, IProgress<long>? progress, CancellationToken ct, int? threads = null, bool passesMemory = false)
{
    private const int ChunkBytes = 4 << 20;

    /// <summary>What one thread computes at a time.</summary>
    private const int ComputedChunkBytes = 256 << 10;

    /// <summary>Chunks that are computed while the disk reads the sources of as many again.</summary>
    private const int ChunksPerSegment = 32;
    private const int KernelCopyBytes = 32 << 20;

    private readonly int _threads = threads ?? Environment.ProcessorCount;

    /// <summary>Writes and flushes to disk. The file must not exist.</summary>
    public void Write(string path, IReadOnlyList<OutputPiece> pieces)
    {
        using var output = new OutputFile(path, pieces.Sum(p => p.Length), passesMemory);
        long position = 0;
        for (var i = 0; i < pieces.Count; i++)
        {
            ct.ThrowIfCancellationRequested();
            if (NextContent(pieces, i) is ComputedContent next) ReadAhead(next, 0);
            switch (pieces[i])
            {
                case LiteralPiece literal:
                    output.Write(literal.Bytes.Span, position);
                    progress?.Report(literal.Length);
                    break;
                case PaddingPiece padding:
                    // The file starts out as zeros.
                    progress?.Report(padding.Length);
                    break;
                case ContentPiece content:
                    WriteContent(output, position, content);
                    break;
            }

            position += pieces[i].Length;
            output.Reached(position);
        }

        output.Finish();
    }

    private static TensorContent? NextContent(IReadOnlyList<OutputPiece> pieces, int i)
    {
        do i++;
        while (i < pieces.Count && pieces[i] is PaddingPiece);
        return i < pieces.Count && pieces[i] is ContentPiece next ? next.Content : null;
    }

    private void WriteContent(OutputFile output, long position, ContentPiece piece)
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
                output.Write(memory.Bytes.Span, position);
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

    private void WriteDecoded(OutputFile output, long position, DecodedVarints decoded)
    {
        using var input = reader.Open(decoded.Source.Path);
        foreach (var bytes in VarintTensor.DecodeChunks(input.Handle, decoded.Source, decoded.Tensor))
        {
            ct.ThrowIfCancellationRequested();
            output.Write(bytes.Span, position);
            position += bytes.Length;
            progress?.Report(bytes.Length);
        }
    }

    private void WriteComputed(OutputFile output, long position, ComputedContent content)
    {
        var chunk = Chunk(content);
        var segment = (long)chunk * ChunksPerSegment;
        for (long start = 0; start < content.Length; start += segment)
        {
            var end = Math.Min(start + segment, content.Length);
            ReadAhead(content, end);
            WriteSegment(output, position, content, start, end, chunk);
            ForSources(content, (file, offset) => output.HasRead(file, offset + start, end - start));
            output.Reached(position + end);
        }
    }

    private static int Chunk(ComputedContent content) => Math.Max(ComputedChunkBytes / content.ElementSize, 1) * content.ElementSize;

    /// <summary>Asks the disk for what the segment from <paramref name="start"/> on is computed from.</summary>
    private void ReadAhead(ComputedContent content, long start)
    {
        var length = Math.Min((long)Chunk(content) * ChunksPerSegment, content.Length - start);
        if (length <= 0) return;
        ForSources(content, (file, offset) => PageAdvice.WillRead(file, offset + start, length));
    }

    private void ForSources(ComputedContent content, Action<SafeFileHandle, long> advise)
    {
        foreach (var source in content.Sources)
        {
            using var file = reader.Open(source.Path);
            advise(file.Handle, source.Offset);
        }
    }

    private void WriteSegment(OutputFile output, long position, ComputedContent content, long start, long end, int chunk)
    {
        var chunks = (end - start + chunk - 1) / chunk;
        var options = new ParallelOptions { CancellationToken = ct, MaxDegreeOfParallelism = _threads };
        try
        {
            Parallel.For(
                0,
                chunks,
                options,
                i => WriteChunk(output, position, content, start + (i * chunk), (int)Math.Min(chunk, end - start - (i * chunk))));
        }
        catch (AggregateException e)
        {
            // Chunks fail alike (a file that is gone, a full disk): the caller gets one of them, as from a single thread.
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
    }

    private void WriteChunk(OutputFile output, long position, ComputedContent content, long offset, int count)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(count);
        content.Fill(offset, buffer.AsSpan(0, count), reader);
        output.Write(buffer.AsSpan(0, count), position + offset);
        ArrayPool<byte>.Shared.Return(buffer);
        progress?.Report(count);
    }

    private void CopyRange(OutputFile output, long position, string path, long offset, long length, string tensor)
    {
        using var file = reader.Open(path);
        var input = file.Handle;
        var copied = 0L;
        if (OperatingSystem.IsLinux() && length >= ChunkBytes) copied = KernelCopy(input, offset, output, position, length);
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(ChunkBytes, Math.Max(length - copied, 1)));
        while (copied < length)
        {
            ct.ThrowIfCancellationRequested();
            var want = (int)Math.Min(buffer.Length, length - copied);
            var read = RandomAccess.Read(input, buffer.AsSpan(0, want), offset + copied);
            if (read <= 0)
            {
                throw new RefusedException(
                    "MKA005",
                    tensor.Length > 0 ? tensor : "a tensor",
                    $"its bytes end early in {Path.GetFileName(path)}",
                    "The file changed while it was read");
            }

            output.Write(buffer.AsSpan(0, read), position + copied);
            Copied(read);
        }

        ArrayPool<byte>.Shared.Return(buffer);

        void Copied(int count)
        {
            output.HasRead(input, offset + copied, count);
            copied += count;
            output.Reached(position + copied);
            progress?.Report(count);
        }
    }

    /// <summary>copy_file_range(2); returns how much it copied, so that what a file system cannot do is left to the buffer loop.</summary>
    private long KernelCopy(SafeFileHandle input, long offset, OutputFile output, long position, long length)
    {
        var copied = 0L;
        while (copied < length)
        {
            ct.ThrowIfCancellationRequested();
            var from = offset + copied;
            var to = position + copied;
            var count = NativeCopy.CopyFileRange(
                input, ref from, output.Handle, ref to, (nuint)Math.Min(KernelCopyBytes, length - copied), 0);
            if (count <= 0) break;
            output.HasRead(input, offset + copied, count);
            copied += count;
            output.Reached(position + copied);
            progress?.Report(count);
        }

        return copied;
    }
}

internal static partial class NativeCopy
{
    [LibraryImport("libc", EntryPoint = "copy_file_range", SetLastError = true)]
    public static partial nint CopyFileRange(
        SafeFileHandle input, ref long inputOffset, SafeFileHandle output, ref long outputOffset, nuint length, uint flags);
}
