using System.Text;
using OnnxMka.Graph;
using OnnxMka.Planning;
using OnnxMka.Rewriting;

namespace OnnxMka.Emission;

/// <summary>The files that go along with a model: copied, and configuration brought in line.</summary>
internal static class SideCars
{
    /// <summary>Larger files are data, not configuration, and are not searched for layer numbers.</summary>
    private const int MaxConfiguration = 1 << 20;

    private static readonly string[] KnownNames = ["vocab.txt", "merges.txt", "tokenizer.model", "spiece.model", "LICENSE", "LICENSE.txt", "NOTICE", "USE_POLICY.md"];

    private static readonly string[] KnownExtensions = [".json", ".jinja", ".tiktoken"];

    private static readonly string[] Tokenizers = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "generation_config.json"];

    /// <summary>
    /// Copies into the staging folder. Of a folder: every file but the model, its data and the same network at other precisions. Of a
    /// single file: configuration, tokenizer and licence beside it. Refuses files that need the old data, and files in the way.
    /// </summary>
    /// <returns>Paths relative to the folder.</returns>
    public static IReadOnlyList<string> Copy(
        ModelLocation input, OnnxModel original, RewrittenModel rewritten, MergePlan plan, OutputTarget target, string staging, List<ConfigChange> changes)
    {
        var modelFiles = FilesOf(original, input.ModelPath);
        var files = Of(input, modelFiles);
        if (input.IsFolder && plan.Removed.Any()) files = WithoutOtherPrecisions(input, files, changes);
        RefuseSharedData(input, files, modelFiles);
        var names = new ModelNames(input.RelativeModelPath.Replace('\\', '/'), target.ModelPath.Replace('\\', '/'));
        var ports = PortNames.Of(original, rewritten);
        foreach (var file in files)
        {
            var destination = Path.Combine(staging, file);
            Directory.CreateDirectory(Path.GetDirectoryName(destination)!);
            var source = Path.Combine(input.Root, file);
            if (ConfigFiles.Knows(file)) File.WriteAllBytes(destination, ConfigFiles.Rewrite(file, File.ReadAllBytes(source), plan, names, ports, changes));
            else File.Copy(source, destination);
            if (file == HuggingFaceConfig.FileName && !HuggingFaceConfig.TellsCount(File.ReadAllBytes(destination)))
                changes.Add(new ConfigChange(file, "the number of layers", "stands under no key that is known; see to it by hand", IsWarning: true));
            if (plan.Removed.Any()) WarnOfLayerNumbers(source, file, changes);
        }

        if (!target.IsFolder) RefuseToOverwrite(target, files);
        return files;
    }

    /// <summary>A result beside its original, whose configuration speaks of all layers.</summary>
    public static void WarnOfStaleConfiguration(ModelLocation input, List<ConfigChange> changes)
    {
        foreach (var file in Directory.GetFiles(input.Root, "*.json").Select(f => Path.GetFileName(f)!).Where(ConfigFiles.Knows).Order(StringComparer.Ordinal))
            changes.Add(new ConfigChange(file, "is left alone:", "it belongs to the original; give another folder for a result with configuration of its own", IsWarning: true));
    }

    private static HashSet<string> FilesOf(OnnxModel model, string path) => model.AllTensors().Select(t => t.Content).OfType<FileRange>().Select(r => r.Path)
        .Append(Path.GetFullPath(path))
        .Concat(model.Files)
        .Concat(model.AllTensors().Where(t => t.Location is not null).Select(t => Path.GetFullPath(t.Location!, Path.GetDirectoryName(path)!)))
        .ToHashSet(StringComparer.Ordinal);

    private static IReadOnlyList<string> Of(ModelLocation location, HashSet<string> modelFiles) =>
        [.. Directory.EnumerateFiles(location.Root, "*", new EnumerationOptions { RecurseSubdirectories = location.IsFolder, AttributesToSkip = FileAttributes.None })
            .Where(f => !modelFiles.Contains(Path.GetFullPath(f)) && (location.IsFolder || IsKnown(Path.GetFileName(f))))
            .Select(f => Path.GetRelativePath(location.Root, f))
            .Where(f => !f.Split(Path.DirectorySeparatorChar).Any(part => part.StartsWith(StagingFolder.Prefix, StringComparison.Ordinal)))
            .Order(StringComparer.Ordinal)];

    private static bool IsKnown(string name) =>
        KnownNames.Contains(name, StringComparer.Ordinal) || KnownExtensions.Contains(Path.GetExtension(name), StringComparer.Ordinal);

    /// <summary>Beside the shortened model they would be models of another depth than config.json says.</summary>
    private static IReadOnlyList<string> WithoutOtherPrecisions(ModelLocation input, IReadOnlyList<string> files, List<ConfigChange> changes)
    {
        var others = files.Where(f => f.EndsWith(".onnx", StringComparison.Ordinal) && Precisions.AreOne(f, input.RelativeModelPath)).ToArray();
        foreach (var other in others) changes.Add(new ConfigChange(other, "is left out:", "it is the same network at another precision, with all its layers; run onnx-mka on it with --plan for its own output", IsWarning: true));
        return [.. files.Where(f => !others.Any(o => f == o || f.StartsWith(o + "_data", StringComparison.Ordinal) || f.StartsWith(o + ".data", StringComparison.Ordinal)))];
    }

    private static void RefuseSharedData(ModelLocation input, IReadOnlyList<string> files, HashSet<string> modelFiles)
    {
        foreach (var file in files.Where(f => f.EndsWith(".onnx", StringComparison.Ordinal)))
        {
            var shared = OnnxModel.Load(Path.Combine(input.Root, file)).Files.FirstOrDefault(modelFiles.Contains);
            if (shared is null) continue;
            throw new RefusedException(
                "MKA054", file, $"its weights lie in {Path.GetFileName(shared)}, which is the decoder's and is written anew", "Give the decoder file alone, or store this model with data of its own");
        }
    }

    /// <summary>Files that no rule covers and that speak of layers by number.</summary>
    private static void WarnOfLayerNumbers(string source, string file, List<ConfigChange> changes)
    {
        if (ConfigFiles.Knows(file) || Path.GetExtension(file) != ".json" || Tokenizers.Contains(Path.GetFileName(file), StringComparer.Ordinal)) return;
        if (new FileInfo(source).Length > MaxConfiguration) return;
        var text = File.ReadAllText(source, Encoding.UTF8);
        var key = new[] { "layer_ids", "num_hidden_layers", "num_layers" }.FirstOrDefault(k => text.Contains($"\"{k}\"", StringComparison.Ordinal));
        key ??= HuggingFaceConfig.NumberedLayer().Match(text) is { Success: true } match ? match.Value : null;
        if (key is not null) changes.Add(new ConfigChange(file, key, "mentions layers and the file is not understood; copied as it was", IsWarning: true));
    }

    /// <summary>A model file may be replaced by force; configuration of another model in that folder may not.</summary>
    private static void RefuseToOverwrite(OutputTarget target, IReadOnlyList<string> files)
    {
        var modelExists = File.Exists(Path.Combine(target.Folder, target.ModelPath));
        if (!modelExists && files.FirstOrDefault(f => File.Exists(Path.Combine(target.Folder, f))) is { } inTheWay)
            throw new OutputException($"{Path.Combine(target.Folder, inTheWay)} exists and belongs to another model. Give a folder of its own for the result.");
    }
}
