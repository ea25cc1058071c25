using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Outcomes;

namespace OnnxMka.Emission;

/// <summary>Where the result goes: a folder, or one model file with what belongs beside it.</summary>
/// <param name="Folder">Folder that the files stand in, without symbolic links: a link to another disk means that disk.</param>
/// <param name="ModelPath">Of the new model, relative to that folder.</param>
/// <param name="CopiesSideCars">False where a file is written into the input's own folder: what lies there belongs to the input.</param>
internal sealed record OutputTarget(string Folder, string ModelPath, bool IsFolder, bool CopiesSideCars)
{
    /// <summary>
    /// Where everything stands until it is proven: on the same disk, so that the final name is given at once. A folder that exists
    /// already may be a disk of its own (a mounted volume) and is kept: files are staged inside it.
    /// </summary>
    public string StagingParent { get; } = IsFolder && !Directory.Exists(Folder) ? Path.GetDirectoryName(Folder) ?? Folder : Folder;

    /// <summary>The user said that what stands there may be replaced.</summary>
    public bool Overwrites { get; init; }

    /// <summary>The new model's path as the user would write it: for reports, which may be read elsewhere.</summary>
    public string Given { get; init; } = ModelPath;

    /// <summary>The new model under its final name.</summary>
    public string Model => Path.Combine(Folder, ModelPath);

    /// <summary>Refuses a folder, there or not, that cannot be written to; nothing stays behind.</summary>
    public static void RequireWritable(string folder) => StagingFolder.RequireWritable(folder);

    /// <summary>
    /// A path that ends in <c>.onnx</c> is a file, anything else a folder. Refuses the input itself, existing output without force, and
    /// places that cannot be written to.
    /// </summary>
    public static OutputTarget For(ModelLocation input, string path, bool force)
    {
        var full = Path.GetFullPath(path);
        var isFile = path.EndsWith(".onnx", StringComparison.OrdinalIgnoreCase);
        var target = (isFile ? File(input, full) : new OutputTarget(RealPath.Of(full), input.RelativeModelPath, true, true)) with
        {
            Overwrites = force,
            Given = isFile ? path : Path.Combine(path, input.RelativeModelPath),
        };
        if (Same(target.Model, input.ModelPath) || (target.IsFolder && Same(target.Folder, input.Root)))
            throw new OutputException($"{path} is the input itself. Give another place for the result.");
        StagingFolder.Settle(target.Folder);
        target.RequireFree();
        if (target.IsFolder && System.IO.File.Exists(full))
            throw new OutputException($"{path} is a file, not a folder. Give a folder, or a name that ends in .onnx.");
        StagingFolder.RequireWritable(target.StagingParent);
        return target;
    }

    /// <summary>
    /// Refuses what stands there without force: asked at the start, and again at the end, when another run may have been faster. What
    /// runs stage in the folder is not in the way.
    /// </summary>
    public void RequireFree()
    {
        if (Overwrites) return;
        if (IsFolder && Directory.Exists(Folder) && Directory.EnumerateFileSystemEntries(Folder).Any(e => !StagingNames.Is(e)))
            throw new OutputException($"{Folder} exists and is not empty. Use --force to overwrite its files.");
        if (System.IO.File.Exists(Model)) throw new OutputException($"{Model} exists. Use --force to overwrite it.");
    }

    /// <summary>Refuses to write over a model or data file that stands there without force.</summary>
    /// <param name="names">Of the files that will be written, beside each other.</param>
    public void RequireFree(IEnumerable<string> names)
    {
        if (!Overwrites && names.Select(Beside).FirstOrDefault(System.IO.File.Exists) is { } taken)
            throw new OutputException($"{taken} exists. Use --force to overwrite it.");
    }

    /// <summary>Refuses to write over a file of the input, force or not.</summary>
    /// <param name="names">Of the model's files, beside each other.</param>
    /// <param name="companions">Relative to the folder.</param>
    public void RefuseInputs(OnnxModel original, IEnumerable<string> names, IEnumerable<string> companions)
    {
        var inputs = original.Files.ToHashSet(StringComparer.Ordinal);
        if (names.Select(Beside)
            .Concat(companions.Select(c => Path.Combine(Folder, c)))
            .FirstOrDefault(f => inputs.Contains(RealPath.Of(f))) is { } taken)
            throw new OutputException($"{taken} is a file of the input. Give another name or place for the result.");
    }

    private string Beside(string name) => Path.Combine(Path.GetDirectoryName(Model)!, name);

    private static OutputTarget File(ModelLocation input, string full)
    {
        var folder = RealPath.Of(Path.GetDirectoryName(full)!);
        return new OutputTarget(
            folder, Path.GetFileName(full), false, !Same(folder, input.Root) && !Same(folder, Path.GetDirectoryName(input.ModelPath)!));
    }

    private static bool Same(string a, string b) =>
        Path.TrimEndingDirectorySeparator(RealPath.Of(a)) == Path.TrimEndingDirectorySeparator(RealPath.Of(b));
}
