using Microsoft.Win32.SafeHandles;
using OnnxMka.Graph;
using OnnxMka.Outcomes;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Running.Parts;

/// <summary>Gives room to seams: memory up to a limit that all share, then files.</summary>
internal sealed class SeamStore(long memoryLimit, string? folder)
{
    private long _held;

    public SeamActivations Create(CalibrationSet set, ElementType type, int width)
    {
        var bytes = (long)set.Count * set.Length * width * (type.Bits() / 8);
        if (Interlocked.Add(ref _held, bytes) <= memoryLimit)
            return new SeamActivations(set, type, width, null, () => Interlocked.Add(ref _held, -bytes));
        Interlocked.Add(ref _held, -bytes);
        return new SeamActivations(set, type, width, Spill(bytes), () => { });
    }

    /// <summary>
    /// A file of that size without a name: it is unlinked while it is open, so that nothing is left even where the process is killed.
    /// </summary>
    private SafeFileHandle Spill(long bytes)
    {
        var path = Path.Combine(folder ?? Path.GetTempPath(), $"onnx-mka-{Guid.NewGuid():N}.seam");
        try
        {
            var file = File.OpenHandle(
                path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Delete, FileOptions.RandomAccess, preallocationSize: bytes);
            File.Delete(path);
            return file;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException(
                $"Cannot keep {bytes} bytes of activations in {Path.GetDirectoryName(path)}: {e.Message.TrimEnd('.')}.", e);
        }
    }
}
