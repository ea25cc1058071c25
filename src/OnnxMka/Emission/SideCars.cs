using System.Collections.Immutable;
using System.Text;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Json;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Rewriting;

namespace OnnxMka.Emission;

/// <summary>The files that go along with a model: copied, and configuration brought in line.</summary>
internal static class SideCars
{
    /// <summary>Larger files are data, not configuration, and are not searched for layer numbers.</summary>
    private const int MaxConfiguration = 1 << 20;

    private static readonly string[] Tokenizers =
    [
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.json",
        "generation_config.json",
    ];

    /// <summary>Copies into the staging folder; configuration is brought in line. Progress counts bytes.</summary>
    /// <returns>Paths relative to the folder.</returns>
    public static IReadOnlyList<string> Copy(
        ImmutableArray<CompanionFile> files,
        ModelLocation input,
        OnnxModel original,
        RewrittenModel rewritten,
        MergePlan plan,
        OutputTarget target,
        string staging,
        List<ConfigChange> changes,
        IProgress<long> bytes,
        CancellationToken ct)
    {
        var names = new ModelNames(input.RelativeModelPath.Replace('\\', '/'), target.ModelPath.Replace('\\', '/'));
        var ports = PortNames.Of(original, rewritten);
        foreach (var (file, length) in files)
        {
            var destination = Path.Combine(staging, file);
            Directory.CreateDirectory(Path.GetDirectoryName(destination)!);
            var source = Path.Combine(input.Root, file);
            var isConfiguration = ConfigFiles.Knows(file, input);
            if (isConfiguration)
            {
                var before = JsonText.ReadBytes(source);
                WholeFile.Write(destination, ConfigFiles.Rewrite(file, before, plan, names, ports, changes, rewritten.Widths));
                bytes.Report(length);
            }
            else
            {
                FileCopy.Copy(source, destination, bytes, ct);
            }

            var isHub = isConfiguration && Path.GetFileName(file) == ConfigPlaces.HuggingFace;
            if (isHub && !HuggingFaceConfig.TellsCount(File.ReadAllBytes(destination)))
                changes.Add(
                    new ConfigChange(
                        file, "the number of layers", "stands under no key that is known; see to it by hand", IsWarning: true));
            if (plan.Removed.Any() && !isConfiguration) WarnOfLayerNumbers(source, file, changes);
        }

        return [.. files.Select(f => f.Path)];
    }

    /// <summary>Finds what goes along, and refuses what <see cref="Copy"/> would refuse.</summary>
    public static ImmutableArray<CompanionFile> Check(ModelLocation input, OnnxModel original, OutputTarget target)
    {
        var files = Find(input, original, target, shortened: true, []);
        foreach (var file in files.Where(f => ConfigFiles.Knows(f.Path, input))) _ = JsonText.Read(Path.Combine(input.Root, file.Path));
        return files;
    }

    /// <summary>A result beside its original, whose configuration speaks of all layers.</summary>
    public static void WarnOfStaleConfiguration(ModelLocation input, List<ConfigChange> changes)
    {
        var beside = Directory.GetFiles(input.Root, "*.json").Select(f => Path.GetFileName(f)!);
        foreach (var file in beside.Where(f => ConfigFiles.Knows(f, input)).Order(StringComparer.Ordinal))
        {
            changes.Add(
                new ConfigChange(
                    file,
                    "is left alone:",
                    "it belongs to the original; give another folder for a result with configuration of its own",
                    IsWarning: true));
        }
    }

    private static HashSet<string> FilesOf(OnnxModel model, string path) =>
        model.AllTensors().Select(t => t.Content).OfType<FileRange>().Select(r => r.Path)
        .Append(Path.GetFullPath(path))
        .Concat(model.Files)
        .Concat(
            model.AllTensors().Where(t => t.Location is not null).Select(t => Path.GetFullPath(t.Location!, Path.GetDirectoryName(path)!)))
        .ToHashSet(StringComparer.Ordinal);

    /// <summary>
    /// What goes along. The same network at other precisions stays behind. Refuses files that need the old data, and files in the way.
    /// </summary>
    public static ImmutableArray<CompanionFile> Find(
        ModelLocation input, OnnxModel original, OutputTarget target, bool shortened, List<ConfigChange> changes)
    {
        var modelFiles = FilesOf(original, input.ModelPath);
        var files = CompanionFiles.Of(input, modelFiles, target.Folder, changes);
        if (input.IsFolder && shortened) files = WithoutOtherPrecisions(input, files, changes);
        RefuseSharedData(input, files, modelFiles);
        if (!target.IsFolder) RefuseToOverwrite(target, files);
        return files;
    }

    /// <summary>Beside the shortened model they would be models of another depth than config.json says.</summary>
    private static ImmutableArray<CompanionFile> WithoutOtherPrecisions(
        ModelLocation input, ImmutableArray<CompanionFile> files, List<ConfigChange> changes)
    {
        var others = files.Select(f => f.Path)
            .Where(f => f.EndsWith(".onnx", StringComparison.Ordinal) && Precisions.AreOne(f, input.RelativeModelPath))
            .ToArray();
        foreach (var other in others)
        {
            changes.Add(
                new ConfigChange(
                    other,
                    "is left out:",
                    "it is the same network at another precision, with all its layers; run onnx-mka on it with --plan for its own output",
                    IsWarning: true));
        }

        return files.RemoveAll(
            f => others.Any(
                o => f.Path == o
                    || f.Path.StartsWith(o + "_data", StringComparison.Ordinal)
                    || f.Path.StartsWith(o + ".data", StringComparison.Ordinal)));
    }

    private static void RefuseSharedData(ModelLocation input, ImmutableArray<CompanionFile> files, HashSet<string> modelFiles)
    {
        foreach (var file in files.Select(f => f.Path).Where(f => f.EndsWith(".onnx", StringComparison.Ordinal)))
        {
            var shared = OnnxModel.Load(Path.Combine(input.Root, file)).Files.FirstOrDefault(modelFiles.Contains);
            if (shared is null) continue;
            throw new RefusedException(
                "MKA054",
                file,
                $"its weights lie in {Path.GetFileName(shared)}, which is the decoder's and is written anew",
                "Give the decoder file alone, or store this model with data of its own");
        }
    }

    /// <summary>Files that no rule covers and that speak of layers by number.</summary>
    private static void WarnOfLayerNumbers(string source, string file, List<ConfigChange> changes)
    {
        if (Path.GetExtension(file) != ".json" || Tokenizers.Contains(Path.GetFileName(file), StringComparer.Ordinal)) return;
        if (new FileInfo(source).Length > MaxConfiguration) return;
        var text = File.ReadAllText(source, Encoding.UTF8);
        var key = new[] { "layer_ids", "num_hidden_layers", "num_layers" }.FirstOrDefault(
            k => text.Contains($"\"{k}\"", StringComparison.Ordinal));
        key ??= HuggingFaceConfig.NumberedLayer().Match(text) is { Success: true } match ? match.Value : null;
        if (key is not null)
            changes.Add(new ConfigChange(file, key, "mentions layers and the file is not understood; copied as it was", IsWarning: true));
    }

    /// <summary>A model file may be replaced by force; configuration of another model in that folder may not.</summary>
    private static void RefuseToOverwrite(OutputTarget target, ImmutableArray<CompanionFile> files)
    {
        var modelExists = File.Exists(target.Model);
        if (!modelExists && files.FirstOrDefault(f => File.Exists(Path.Combine(target.Folder, f.Path))) is { Path: var inTheWay })
        {
            throw new OutputException(
                $"{Path.Combine(target.Folder, inTheWay)} exists and belongs to another model. Give a folder of its own for the result.");
        }
    }
}
