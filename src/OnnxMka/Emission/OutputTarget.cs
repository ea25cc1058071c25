namespace OnnxMka.Emission;

/// <summary>Where the result goes: a folder, or one model file with what belongs beside it.</summary>
/// <param name="Folder">Folder that the files stand in.</param>
/// <param name="ModelPath">Of the new model, relative to that folder.</param>
/// <param name="CopiesSideCars">False where a file is written into the input's own folder: what lies there belongs to the input.</param>
public sealed record OutputTarget(string Folder, string ModelPath, bool IsFolder, bool CopiesSideCars)
{
    /// <summary>Where everything stands until it is proven: on the same disk, so that the final name is given at once.</summary>
    public string StagingParent => IsFolder ? Path.GetDirectoryName(Folder) ?? Folder : Folder;

    /// <summary>
    /// A path that ends in <c>.onnx</c> is a file, anything else a folder. Refuses the input itself, existing output without force, and
    /// places that cannot be written to.
    /// </summary>
    public static OutputTarget For(ModelLocation input, string path, bool force)
    {
        var full = Path.GetFullPath(path);
        var target = path.EndsWith(".onnx", StringComparison.OrdinalIgnoreCase) ? File(input, full) : new OutputTarget(full, input.RelativeModelPath, true, true);
        if (Same(Path.Combine(target.Folder, target.ModelPath), input.ModelPath) || (target.IsFolder && Same(target.Folder, input.Root)))
            throw new OutputException($"{path} is the input itself. Give another place for the result.");
        if (!force && target.IsFolder && Directory.Exists(full) && Directory.EnumerateFileSystemEntries(full).Any())
            throw new OutputException($"{path} exists and is not empty. Use --force to overwrite its files.");
        if (!force && System.IO.File.Exists(Path.Combine(target.Folder, target.ModelPath)))
            throw new OutputException($"{path} exists. Use --force to overwrite it.");
        if (target.IsFolder && System.IO.File.Exists(full))
            throw new OutputException($"{path} is a file, not a folder. Give a folder, or a name that ends in .onnx.");
        StagingFolder.RequireWritable(target.StagingParent);
        return target;
    }

    private static OutputTarget File(ModelLocation input, string full)
    {
        var folder = Path.GetDirectoryName(full)!;
        return new OutputTarget(folder, Path.GetFileName(full), false, !Same(folder, input.Root) && !Same(folder, Path.GetDirectoryName(input.ModelPath)!));
    }

    private static bool Same(string a, string b) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(a)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(b));
}
