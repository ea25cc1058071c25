using System.Diagnostics;

namespace OnnxMka.Emission;

/// <summary>
/// A folder beside the target that holds everything until it is proven, and then gets the final name. Whatever happens before,
/// nothing stands under that name; what a killed run left is removed by the next one.
/// </summary>
internal sealed class StagingFolder : IDisposable
{
    public const string Prefix = ".onnx-mka-";

    private StagingFolder(string path) => FullPath = path;

    public string FullPath { get; }

    /// <summary>Creates the folder inside <paramref name="parent"/>, which must be writable.</summary>
    public static StagingFolder Beside(string parent) => new(Writing(parent, () =>
    {
        Directory.CreateDirectory(parent);
        RemoveLeftovers(parent);
        return Created(parent);
    }));

    /// <summary>Refuses a parent that cannot be written to, before hours are spent on what would go there; nothing stays behind.</summary>
    public static void RequireWritable(string parent)
    {
        var existing = parent;
        while (!Directory.Exists(existing) && !File.Exists(existing)) existing = Path.GetDirectoryName(existing)!;
        Directory.Delete(Writing(parent, () => Created(existing)));
    }

    public void Dispose()
    {
        if (Directory.Exists(FullPath)) Directory.Delete(FullPath, recursive: true);
    }

    private static string Created(string parent) => Directory.CreateDirectory(Path.Combine(parent, $"{Prefix}{Environment.ProcessId}-{Guid.NewGuid():N}")).FullName;

    private static string Writing(string parent, Func<string> create)
    {
        try
        {
            return create();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"Cannot write to {parent}: {e.Message.TrimEnd('.')}.", e);
        }
    }

    private static void RemoveLeftovers(string parent)
    {
        foreach (var folder in Directory.GetDirectories(parent, Prefix + "*"))
        {
            var parts = Path.GetFileName(folder)[Prefix.Length..].Split('-');
            if (int.TryParse(parts[0], out var process) && !IsRunning(process)) Directory.Delete(folder, recursive: true);
        }
    }

    private static bool IsRunning(int process)
    {
        try
        {
            using var found = Process.GetProcessById(process);
            return !found.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}

/// <summary>The output cannot be written or is in the way; nothing was lost.</summary>
public sealed class OutputException(string message, Exception? inner = null) : Exception(message, inner);
