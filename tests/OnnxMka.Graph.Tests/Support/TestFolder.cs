namespace OnnxMka.Graph.Tests;

/// <summary>A folder of its own for one test, gone afterwards. In memory where the system has such a file system.</summary>
internal sealed class TestFolder : IDisposable
{
    private const string MemoryFileSystem = "/dev/shm";

    private TestFolder(string parent)
    {
        Path = System.IO.Path.Combine(parent, $"onnxmka-{Guid.NewGuid():N}");
        Directory.CreateDirectory(Path);
    }

    public string Path { get; }

    public static TestFolder Create() => new(Directory.Exists(MemoryFileSystem) ? MemoryFileSystem : System.IO.Path.GetTempPath());

    /// <summary>On a disk: sparse files of many gigabytes take no memory there.</summary>
    public static TestFolder OnDisk() => new(System.IO.Path.GetTempPath());

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public string Sub(string name) => Directory.CreateDirectory(this[name]).FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
