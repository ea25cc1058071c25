using OnnxMka.Graph;
using OnnxMka.Json;

namespace OnnxMka.Inputs;

/// <summary>Where a model is: its file, and the folder of files that belong to it.</summary>
/// <param name="ModelPath">The <c>.onnx</c> file.</param>
/// <param name="Root">Folder with its configuration; the model may lie in a subfolder (<c>onnx/model.onnx</c>).</param>
/// <param name="IsFolder">True where the user named a folder: everything in it goes along.</param>
internal sealed record ModelLocation(string ModelPath, string Root, bool IsFolder)
{
    private const string Manifest = "manifest.json";

    public string RelativeModelPath => Path.GetRelativePath(Root, ModelPath);

    /// <summary>The model's path as the user would write it: for reports, which may be read elsewhere.</summary>
    public string Given { get; init; } = ModelPath;

    /// <summary>
    /// A file as it is; in a folder the decoder that <c>genai_config.json</c> names, else <c>model.onnx</c>, else
    /// <c>onnx/model.onnx</c>, else the only <c>.onnx</c> file. Refuses a folder that leaves it open, one of several models with
    /// configuration of their own, and one whose configuration leads out of it.
    /// </summary>
    public static ModelLocation Find(string path)
    {
        var location = Directory.Exists(path) ? OfFolder(path) : OfFile(path);
        return location with { Given = location.IsFolder ? Path.Combine(path, location.RelativeModelPath) : path };
    }

    private static ModelLocation OfFolder(string path)
    {
        var root = Path.GetFullPath(path);
        var named = GenAiDecoder(root);
        string?[] candidates = [named, Path.Combine(root, "model.onnx"), Path.Combine(root, "onnx", "model.onnx")];
        RefusePackage(path, root);
        var found = candidates.FirstOrDefault(c => c is not null && File.Exists(c));
        if (found is not null) return new ModelLocation(found, root, true);
        var files = FolderWalk.Below(root, f => !StagingNames.Is(f.Name)).Select(f => f.FullName);
        var all = files.Where(f => f.EndsWith(".onnx", StringComparison.Ordinal) && File.Exists(f)).Take(2).ToArray();
        return all.Length switch
        {
            1 => new ModelLocation(all[0], root, true),
            0 when StagingNames.IsHalfDone(root) => throw new RefusedException(
                "MKA050",
                path,
                "it holds no .onnx file",
                "A run that was killed left it so: the next run with that output puts back what stood there"),
            0 => throw new RefusedException("MKA050", path, "it holds no .onnx file", "Give the model file or its folder"),
            _ => throw new RefusedException("MKA050", path, $"it holds several .onnx files{Which(root, named)}", "Name the decoder file"),
        };

        static string Which(string root, string? named) => named is null
            ? " and neither genai_config.json nor the name model.onnx says which is the decoder"
            : $", and not {Path.GetRelativePath(root, named)}, which genai_config.json names as the decoder";
    }

    /// <summary>
    /// Refuses a model package: variants of a model in folders of their own, each with its configuration, and one <c>manifest.json</c>
    /// above them. A shortened variant in it would be another model than its neighbours.
    /// </summary>
    private static void RefusePackage(string path, string root)
    {
        Func<string, bool> has = name => File.Exists(Path.Combine(root, name));
        if (!has(Manifest) || has(ConfigPlaces.GenAi) || has("model.onnx")) return;
        var configured = FolderWalk.Below(root, _ => true).Where(f => f.Name == ConfigPlaces.GenAi);
        var variants = configured.Select(f => Path.GetRelativePath(root, Path.GetDirectoryName(f.FullName)!)).ToArray();
        if (variants.Length == 0) return;
        var named = string.Join(", ", variants.Take(3)) + (variants.Length > 3 ? ", ..." : "");
        throw new RefusedException(
            "MKA050", path, $"it is a model package, with configuration of its own in {named}",
            "Give the folder of one variant: the result is a folder of its own");
    }

    private static ModelLocation OfFile(string path)
    {
        var full = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(full)!;
        var above = Path.GetDirectoryName(folder);
        // The layout of the Hugging Face hub: config.json beside a folder onnx/.
        var nested = Path.GetFileName(folder) == "onnx"
            && above is not null
            && !File.Exists(Path.Combine(folder, "config.json"))
            && File.Exists(Path.Combine(above, "config.json"));
        return new ModelLocation(full, nested ? above! : folder, false);
    }

    private static string? GenAiDecoder(string root)
    {
        var config = Path.Combine(root, "genai_config.json");
        if (!File.Exists(config)) return null;
        var json = JsonText.Read(config);
        RefusePackageFiles(json, config);
        if (json.String(json.Find("model.decoder.filename")) is not { Length: > 0 } name) return null;
        var inside = !name.Contains('\0') && RealPath.IsInside(Path.GetFullPath(Path.Combine(root, name)), root);
        return inside
            ? Path.Combine(root, name)
            : throw new RefusedException(
                "MKA050", config, $"it names '{name}' as the decoder, which is no file of this folder", "Mend it, or name the model file");
    }

    /// <summary>Refuses names of files by their hash: those lie in the model package that this configuration comes from.</summary>
    private static void RefusePackageFiles(JsonText json, string file)
    {
        var shared = json.Values.FirstOrDefault(v => json.String(v.Value)?.StartsWith("sha256:", StringComparison.Ordinal) == true).Key;
        if (shared is null) return;
        throw new RefusedException(
            "MKA050", file, $"its {shared} is a shared file of the model package that it belongs to, so this folder is not a whole model",
            "Copy that file here and name it, or start from the folder that the package was made of");
    }
}
