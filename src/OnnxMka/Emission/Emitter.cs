using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Rewriting;

namespace OnnxMka.Emission;

/// <summary>Files of a finished output.</summary>
/// <param name="ModelPath">The new model.</param>
/// <param name="Written">Model and data files with their sizes.</param>
/// <param name="SideCars">Copied and rewritten files, relative to the output folder.</param>
/// <param name="ConfigChanges">What was changed in configuration files, and warnings of what could not be.</param>
public sealed record EmittedModel(
    string ModelPath, WrittenModel Written, IReadOnlyList<string> SideCars, IReadOnlyList<ConfigChange> ConfigChanges)
{
    /// <summary>The new model's path as the user would write it.</summary>
    public string Given { get; init; } = ModelPath;

    /// <summary>Name of the model card; null where none was asked for.</summary>
    public string? Card { get; init; }
}

/// <summary>
/// Writes a model and its files into a staging folder; <see cref="Commit"/> gives them their final names at once. Not committed
/// means not there.
/// </summary>
internal sealed class Emitter : IDisposable
{
    private readonly OutputTarget _target;
    private readonly OnnxModel _original;
    private readonly StagingFolder _staging;
    private EmittedModel _staged;

    private Emitter(OutputTarget target, OnnxModel original, StagingFolder staging, EmittedModel staged)
    {
        _target = target;
        _original = original;
        _staging = staging;
        _staged = staged;
    }

    /// <summary>The model under its staging name, ready to be loaded and tried.</summary>
    public EmittedModel Staged => _staged;

    /// <summary>
    /// Refuses what <see cref="Stage"/> would refuse and is known of the original, before hours are spent on what goes there.
    /// </summary>
    /// <returns>The named files, with those of the result.</returns>
    public static NamedFiles Check(ModelLocation input, OnnxModel original, OutputTarget target, bool forceExternal, NamedFiles named)
    {
        var names = ModelWriter.Plan(original, Path.GetFileName(target.ModelPath), forceExternal).FileNames;
        target.RequireFree(names);
        string[] companions = [.. (target.CopiesSideCars ? SideCars.Check(input, original, target) : []).Select(f => f.Path)];
        target.RefuseInputs(original, names, companions);
        var folder = Path.GetDirectoryName(target.Model)!;
        var written = names.Select(n => Path.Combine(folder, n)).Concat(companions.Select(c => Path.Combine(target.Folder, c)));
        return named.Emits(written, companions.Select(c => Path.Combine(input.Root, c)));
    }

    /// <summary>
    /// Streams everything to disk beside the target. Refuses where the disk has no room. Progress counts bytes, of files that go along too.
    /// </summary>
    public static Emitter Stage(
        ModelLocation input,
        OnnxModel original,
        RewrittenModel rewritten,
        MergePlan plan,
        OutputTarget target,
        bool forceExternal,
        IProgressSink progress,
        CancellationToken ct = default)
    {
        var writer = ModelWriter.Plan(rewritten.Model, Path.GetFileName(target.ModelPath), forceExternal);
        target.RequireFree(writer.FileNames);
        var staging = StagingFolder.Beside(target.StagingParent);
        try
        {
            var modelFolder = Path.GetDirectoryName(Path.Combine(staging.Content, target.ModelPath))!;
            Directory.CreateDirectory(modelFolder);
            var changes = new List<ConfigChange>();
            var files = target.CopiesSideCars ? SideCars.Find(input, original, target, plan.Removed.Any(), changes) : [];
            target.RefuseInputs(original, writer.FileNames, files.Select(f => f.Path));
            var total = writer.TotalBytes + files.Sum(f => f.Bytes);
            progress.Note(
                $"{total / 1e6:N1} MB to write with about 100 MB of memory, {FreeSpace.Of(target.StagingParent) / 1e6:N0} MB free on disk");
            FreeSpace.Require(target.StagingParent, total);
            using var stage = progress.Begin("write", total, "bytes");
            var bytes = stage.AsIncrement<long>();
            var sideCars = SideCars.Copy(files, input, original, rewritten, plan, target, staging.Content, changes, bytes, ct);
            if (!target.CopiesSideCars && (plan.Removed.Any() || !rewritten.Widths.IsEmpty))
                SideCars.WarnOfStaleConfiguration(input, changes);
            var written = writer.Write(modelFolder, bytes, ct);
            var model = Path.Combine(staging.Content, target.ModelPath);
            DataReferences.Patch(staging.Content, model, written.Files.Count - 1, changes);
            return new Emitter(target, original, staging, new EmittedModel(model, written, sideCars, changes));
        }
        catch (Exception e)
        {
            staging.Dispose();
            if (e is IOException or UnauthorizedAccessException)
                throw new OutputException($"Cannot write {target.Folder}: {e.Message.TrimEnd('.')}.", e);
            throw;
        }
    }

    /// <summary>
    /// Chooses the name of the model card: <c>README.md</c>, or <c>MODEL_CARD.md</c> where a README came along or stands there and is
    /// not to be overwritten. Refuses where both are taken.
    /// </summary>
    public void ReserveCard(bool overwrite)
    {
        var isTaken = File.Exists(Path.Combine(_staging.Content, "README.md")) || File.Exists(Path.Combine(_target.Folder, "README.md"));
        var name = isTaken && !overwrite ? "MODEL_CARD.md" : "README.md";
        if (!overwrite && (File.Exists(Path.Combine(_staging.Content, name)) || File.Exists(Path.Combine(_target.Folder, name))))
        {
            throw new OutputException(
                $"README.md and {name} exist, and the model card would replace one of them. Use --force, or leave out --model-card.");
        }

        _staged = _staged with { Card = name, SideCars = [.. _staged.SideCars.Where(f => f != name), name] };
    }

    /// <summary>Writes the text of the card that was reserved.</summary>
    public void AddCard(string text)
    {
        var path = Path.Combine(_staging.Content, _staged.Card ?? throw new InvalidOperationException("no card was reserved"));
        File.Delete(path); // a README that came along may be read-only
        WholeFile.Write(path, text);
    }

    /// <summary>
    /// Gives the files their final names, all of them on disk by then. Over an older result that is done whole or not at all, and no model
    /// ever stands beside data of another.
    /// </summary>
    public EmittedModel Commit()
    {
        try
        {
            _staging.Sync();
            _target.RequireFree();
            if (_target.IsFolder && !Directory.Exists(_target.Folder)) _staging.BecomeFolder(_target.Folder);
            else Enter();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"Cannot write {_target.Folder}: {e.Message.TrimEnd('.')}.", e);
        }

        var folder = Path.GetDirectoryName(_target.Model)!;
        var files = _staged.Written.Files.Select(f => KeyValuePair.Create(Path.Combine(folder, Path.GetFileName(f.Key)), f.Value));
        var written = _staged.Written with { Files = [.. files] };
        return _staged = _staged with { ModelPath = _target.Model, Given = _target.Given, Written = written };
    }

    public void Dispose() => _staging.Dispose();

    private void Enter()
    {
        string[] written = [.. _staged.Written.Files.Select(f => Path.GetFileName(f.Key))];
        _target.RequireFree(_target.IsFolder ? written : written.Concat(_staged.SideCars));
        var doubtful = new List<ConfigChange>();
        var obsolete = OldData.Of(_target.Model, _original, written, doubtful);
        const string Why = "it held weights of the model that was overwritten";
        var told = obsolete.Select(f => new ConfigChange(Path.GetRelativePath(_target.Folder, f), "was removed:", Why));
        _staging.Enter(_target.Folder, _target.ModelPath, obsolete);
        _staged = _staged with { ConfigChanges = [.. _staged.ConfigChanges, .. told, .. doubtful] };
    }
}
