using System.Collections.Immutable;
using OnnxMka.Inputs;
using OnnxMka.Json;
using OnnxMka.Planning;

namespace OnnxMka.Emission;

/// <summary>One change that was made to a configuration file, or a warning that none could be.</summary>
/// <param name="File">Relative to the output folder.</param>
/// <param name="Key">The word in it, or how a line about the whole file begins.</param>
/// <param name="Change">What became of it, or what to look at, for people.</param>
/// <param name="IsWarning">Nothing was changed, and somebody should look.</param>
public sealed record ConfigChange(string File, string Key, string Change, bool IsWarning = false);

/// <summary>The model file before and after, each relative to its folder, with forward slashes.</summary>
internal sealed record ModelNames(string Old, string New)
{
    /// <summary>The same as configuration in a folder above or beside them calls them.</summary>
    public ModelNames From(string folder)
    {
        return folder.Length == 0 ? this : new ModelNames(Relative(Old), Relative(New));

        string Relative(string name) => Path.GetRelativePath(folder, name).Replace('\\', '/');
    }
}

/// <summary>
/// Brings <c>genai_config.json</c> and <c>config.json</c> in line with the layers that are left. What is not understood stays and is
/// named in a warning.
/// </summary>
internal static class ConfigFiles
{
    /// <summary>True for the files that this class changes: beside the model, or in the folder that it belongs to.</summary>
    /// <param name="file">Relative to the folder.</param>
    public static bool Knows(string file, ModelLocation model) =>
        Path.GetFileName(file) is ConfigPlaces.GenAi or ConfigPlaces.HuggingFace
        && ConfigPlaces.FoldersOf(model.RelativeModelPath).Contains(Path.GetDirectoryName(file), StringComparer.Ordinal);

    /// <summary>New bytes of a file. Unknown keys, key order and spacing stay. Refuses text that is no JSON.</summary>
    /// <param name="file">Relative to the folder.</param>
    /// <param name="ports">Old to new names of the model's inputs and outputs.</param>
    /// <param name="widths">Neurons of the MLPs, where they are others than they were; else null or empty.</param>
    public static byte[] Rewrite(
        string file,
        byte[] bytes,
        MergePlan plan,
        ModelNames names,
        PortNames ports,
        List<ConfigChange> changes,
        ImmutableSortedSet<int>? widths = null)
    {
        var json = JsonText.Parse(bytes, file);
        var isGenAi = Path.GetFileName(file) == ConfigPlaces.GenAi;
        var saysWidths = !isGenAi && widths is { IsEmpty: false };
        if (saysWidths) MlpWidthRule.Apply(new LayerEdits(json, file, plan, changes), widths!);
        if (!plan.Removed.Any() && !isGenAi && ports.HeadSizes.IsEmpty) return saysWidths ? json.ToBytes() : bytes;
        var edits = new LayerEdits(json, file, plan, changes);
        CacheHeads.Tell(edits, isGenAi, ports.HeadSizes);
        if (!plan.Removed.Any() && !isGenAi) return json.ToBytes();
        var total = isGenAi ? GenAiConfig.Count(json) : HuggingFaceConfig.Count(json);
        if (total is { } count && count != edits.Before && ports.Layers?.KeptOf(count) is { } kept)
            edits = new LayerEdits(json, file, plan, changes) { Before = (int)count, Kept = kept };
        if (isGenAi) GenAiConfig.Rewrite(edits, names.From(Path.GetDirectoryName(file)!), ports);
        else HuggingFaceConfig.Rewrite(edits);
        return json.ToBytes();
    }
}
