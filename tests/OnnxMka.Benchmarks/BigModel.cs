namespace OnnxMka.Benchmarks;

/// <summary>A random-weight model with real shapes, made once in a folder that the caller names.</summary>
internal static class BigModel
{
    /// <summary>Folder of the model; made where it is not there.</summary>
    public static string Make(string work, string shape)
    {
        var folder = Path.Combine(work, shape);
        if (!File.Exists(Path.Combine(folder, "config.json")))
            Measured.Process(Path.Combine(AppContext.BaseDirectory, "make-big"), shape, folder);
        return folder;
    }

    public static long Bytes(string folder) => Directory.GetFiles(folder).Sum(f => new FileInfo(f).Length);
}
