using OnnxMka.Graph;
using OnnxMka.Planning;
using OnnxMka.Rewriting;

namespace OnnxMka.Emission;

/// <summary>Files of a finished output.</summary>
/// <param name="ModelPath">The new model.</param>
/// <param name="Written">Model and data files with their sizes.</param>
/// <param name="SideCars">Copied and rewritten files, relative to the output folder.</param>
public sealed record EmittedModel(string ModelPath, WrittenModel Written, IReadOnlyList<string> SideCars, IReadOnlyList<ConfigChange> ConfigChanges);

/// <summary>
/// Writes a model and its files into a staging folder; <see cref="Commit"/> gives them their final names at once. Not committed
/// means not there.
/// </summary>
public sealed class Emitter : IDisposable
{
    private readonly OutputTarget _target;
    private readonly StagingFolder _staging;
    private EmittedModel _staged;

    private Emitter(OutputTarget target, StagingFolder staging, EmittedModel staged)
    {
        _target = target;
        _staging = staging;
        _staged = staged;
    }

    /// <summary>The model under its staging name, ready to be loaded and tried.</summary>
    public EmittedModel Staged => _staged;

    /// <summary>Streams everything to disk beside the target. Refuses where the disk has no room.</summary>
    public static Emitter Stage(
        ModelLocation input, OnnxModel original, RewrittenModel rewritten, MergePlan plan, OutputTarget target, bool forceExternal, IProgress<long>? bytes = null, CancellationToken ct = default)
    {
        var writer = ModelWriter.Plan(rewritten.Model, Path.GetFileName(target.ModelPath), forceExternal);
        var parent = target.IsFolder ? Path.GetDirectoryName(target.Folder) ?? target.Folder : target.Folder;
        var staging = StagingFolder.Beside(parent);
        try
        {
            FreeSpace.Require(parent, writer.TotalBytes);
            var modelFolder = Path.GetDirectoryName(Path.Combine(staging.FullPath, target.ModelPath))!;
            Directory.CreateDirectory(modelFolder);
            var changes = new List<ConfigChange>();
            var sideCars = target.CopiesSideCars ? CopySideCars(input, original, plan, target, staging.FullPath, changes) : [];
            var written = writer.Write(modelFolder, bytes, ct);
            return new Emitter(target, staging, new EmittedModel(Path.Combine(staging.FullPath, target.ModelPath), written, sideCars, changes));
        }
        catch (Exception e)
        {
            staging.Dispose();
            if (e is IOException or UnauthorizedAccessException) throw new OutputException($"Cannot write {target.Folder}: {e.Message.TrimEnd('.')}.", e);
            throw;
        }
    }

    /// <summary>Gives the files their final names; the model comes last.</summary>
    public EmittedModel Commit()
    {
        if (_target.IsFolder && (!Directory.Exists(_target.Folder) || !Directory.EnumerateFileSystemEntries(_target.Folder).Any()))
        {
            if (Directory.Exists(_target.Folder)) Directory.Delete(_target.Folder);
            Directory.Move(_staging.FullPath, _target.Folder);
        }
        else
        {
            MoveFiles();
        }

        var model = Path.Combine(_target.Folder, _target.ModelPath);
        var folder = Path.GetDirectoryName(model)!;
        var files = _staged.Written.Files.Select(f => KeyValuePair.Create(Path.Combine(folder, Path.GetFileName(f.Key)), f.Value));
        return _staged = _staged with { ModelPath = model, Written = _staged.Written with { Files = [.. files] } };
    }

    public void Dispose() => _staging.Dispose();

    private void MoveFiles()
    {
        var model = Path.Combine(_staging.FullPath, _target.ModelPath);
        foreach (var file in Directory.GetFiles(_staging.FullPath, "*", SearchOption.AllDirectories).Where(f => f != model).Order(StringComparer.Ordinal).Append(model))
        {
            var final = Path.Combine(_target.Folder, Path.GetRelativePath(_staging.FullPath, file));
            Directory.CreateDirectory(Path.GetDirectoryName(final)!);
            File.Move(file, final, overwrite: true);
        }
    }

    private static IReadOnlyList<string> CopySideCars(
        ModelLocation input, OnnxModel original, MergePlan plan, OutputTarget target, string staging, List<ConfigChange> changes)
    {
        var modelFiles = original.AllTensors().Select(t => t.Content).OfType<FileRange>().Select(r => r.Path)
            .Append(Path.GetFullPath(input.ModelPath))
            .Concat(original.AllTensors().Where(t => t.Location is not null).Select(t => Path.GetFullPath(t.Location!, Path.GetDirectoryName(input.ModelPath)!)))
            .ToHashSet(StringComparer.Ordinal);
        var files = SideCars.Of(input, modelFiles);
        foreach (var file in files)
        {
            var destination = Path.Combine(staging, file);
            Directory.CreateDirectory(Path.GetDirectoryName(destination)!);
            var source = Path.Combine(input.Root, file);
            if (ConfigFiles.Knows(file)) File.WriteAllBytes(destination, ConfigFiles.Rewrite(file, File.ReadAllBytes(source), plan, target.ModelPath.Replace('\\', '/'), changes));
            else File.Copy(source, destination);
        }

        if (!target.IsFolder) RefuseToOverwrite(target, files);
        return files;
    }

    /// <summary>A model file may be replaced by force; configuration of another model in that folder may not.</summary>
    private static void RefuseToOverwrite(OutputTarget target, IReadOnlyList<string> files)
    {
        var modelExists = File.Exists(Path.Combine(target.Folder, target.ModelPath));
        if (!modelExists && files.FirstOrDefault(f => File.Exists(Path.Combine(target.Folder, f))) is { } inTheWay)
            throw new OutputException($"{Path.Combine(target.Folder, inTheWay)} exists and belongs to another model. Give a folder of its own for the result.");
    }
}
