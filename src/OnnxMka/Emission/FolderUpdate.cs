using System.Collections.Immutable;
using System.Text.Json;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Json;

namespace OnnxMka.Emission;

/// <summary>
/// Puts staged files into a folder that exists: all, or none. The old model is taken away first and the new one comes last, so that what
/// stands beside a model is always its own. What is replaced waits in the staging folder, and a list there says what belongs where: an
/// error is undone at once, and what a killed run left half done by the next run.
/// </summary>
internal sealed class FolderUpdate
{
    private const string OldName = "old";

    /// <summary>Far above the names of all files of any model.</summary>
    private const int MaxBytes = 16 << 20;

    private readonly string _staging;
    private readonly string _folder;
    private readonly Steps _steps;

    private FolderUpdate(string staging, Steps steps)
    {
        _staging = staging;
        _folder = Path.GetDirectoryName(staging)!;
        _steps = steps;
    }

    /// <summary>
    /// Gives the files of a staging folder, which stands in their folder, their names. Throws <see cref="IOException"/> with everything as
    /// it was, or <see cref="HalfDoneException"/> where even that failed.
    /// </summary>
    /// <param name="model">The model's name in the folder.</param>
    /// <param name="obsolete">Absolute paths of files in the folder that go.</param>
    public static void Apply(StagingFolder staging, string model, IEnumerable<string> obsolete)
    {
        var folder = Path.GetDirectoryName(staging.FullPath)!;
        var staged = Directory.GetFiles(
            staging.Content, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(staging.Content, f));
        string[] added = [.. staged.Where(f => f != model)];
        var overwritten = added.Where(f => File.Exists(Path.Combine(folder, f)));
        string[] removed = [.. overwritten.Concat(obsolete.Select(f => Path.GetRelativePath(folder, f)))];
        if (added.Length == 0 && removed.Length == 0)
        {
            FileRename.Over(Path.Combine(staging.Content, model), Path.Combine(folder, model));
            return;
        }

        var replaced = File.Exists(Path.Combine(folder, model)) ? removed.Prepend(model) : removed;
        new FolderUpdate(staging.FullPath, new Steps(model, [.. added.Order(StringComparer.Ordinal), model], [.. replaced])).Apply();
    }

    /// <summary>Undoes what a run that was killed left half done. A list that names anything outside the folder is none of ours.</summary>
    public static void Undo(string staging)
    {
        var steps = Read(Path.Combine(staging, StagingNames.List));
        var update = new FolderUpdate(staging, steps);
        var folder = RealPath.Of(update._folder);
        var names = steps.Added.Concat(steps.Replaced).Append(steps.Model);
        var places = names.SelectMany(f => new[] { update.Final(f), update.New(f), update.Old(f) });
        var outside = places.FirstOrDefault(p => !RealPath.IsInside(Path.Combine(RealPath.Of(Path.GetDirectoryName(p)!), "file"), folder));
        if (outside is not null) throw new IOException($"its list leads to {outside}, out of the folder");
        update.Undo();
    }

    /// <summary>What is left in a staging folder is of no more use to anybody.</summary>
    public static void Forget(string staging) => File.Delete(Path.Combine(staging, StagingNames.List));

    private static Steps Read(string list)
    {
        try
        {
            var steps = JsonSerializer.Deserialize<Steps>(RegularFile.ReadAllBytes(list, MaxBytes), JsonForm.Line);
            var isWhole = steps is { Model: not null, Added.IsDefault: false, Replaced.IsDefault: false };
            if (isWhole && steps!.Added.Concat(steps.Replaced).All(f => f is not null)) return steps;
        }
        catch (Exception e) when (e is JsonException or InputFileException)
        {
            throw new IOException("its list cannot be read", e);
        }

        throw new IOException("its list is damaged");
    }

    private void Apply()
    {
        var list = Path.Combine(_staging, StagingNames.List);
        WholeFile.Write(list + ".tmp", JsonSerializer.SerializeToUtf8Bytes(_steps, JsonForm.Line));
        DiskSync.File(list + ".tmp");
        FileRename.Over(list + ".tmp", list);
        DiskSync.Folder(_staging);
        try
        {
            foreach (var file in _steps.Replaced) Move(Final(file), Old(file));
            foreach (var file in _steps.Added) Move(New(file), Final(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            TryUndo(e);
            throw;
        }
    }

    private void TryUndo(Exception cause)
    {
        try
        {
            Undo();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HalfDoneException(_staging, cause, e);
        }
    }

    /// <summary>May itself be interrupted and begun again: new files go back among the staged before an old one returns.</summary>
    private void Undo()
    {
        var isDone = !File.Exists(New(_steps.Model)) && File.Exists(Final(_steps.Model));
        if (!isDone)
        {
            foreach (var file in _steps.Added.Where(f => !File.Exists(New(f)) && File.Exists(Final(f)))) Move(Final(file), New(file));
            foreach (var file in _steps.Replaced.Reverse().Where(f => File.Exists(Old(f)))) Move(Old(file), Final(file));
            var folders = _steps.Added.Concat(_steps.Replaced).Select(f => Path.GetDirectoryName(Final(f))!);
            foreach (var folder in folders.Distinct(StringComparer.Ordinal).Where(Directory.Exists)) DiskSync.Folder(folder);
        }

        Forget(_staging);
    }

    private string New(string file) => Path.Combine(_staging, StagingFolder.ContentName, file);

    private string Old(string file) => Path.Combine(_staging, OldName, file);

    private string Final(string file) => Path.Combine(_folder, file);

    private static void Move(string from, string to)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        if (Path.Exists(to)) throw new IOException($"{to} is in the way");
        FileRename.Over(from, to);
    }

    /// <summary>Relative to the folder.</summary>
    /// <param name="Added">New files, the model last.</param>
    /// <param name="Replaced">Old files, the model first.</param>
    private sealed record Steps(string Model, ImmutableArray<string> Added, ImmutableArray<string> Replaced);
}

/// <summary>Files were being given their names when an error came, and another kept it from being undone.</summary>
internal sealed class HalfDoneException(string staging, Exception cause, Exception inner)
    : IOException(
        $"{cause.Message.TrimEnd('.')}, and what stood there could not be put back ({inner.Message.TrimEnd('.')}): "
        + $"it is kept in {staging}, and the next run tries again",
        inner);
