using OnnxMka.Graph;

namespace OnnxMka.Emission;

/// <summary>
/// Data files of a model that is about to be overwritten, which nobody would need after that. Only what is surely an older result's: it
/// is named after that model, which refers to it; no new file takes its name, and neither the input nor another model of the folder uses
/// it.
/// </summary>
internal static class OldData
{
    /// <param name="model">Model that is overwritten; there may be none.</param>
    /// <param name="written">Names of the new files beside it.</param>
    /// <returns>
    /// Absolute paths; none where what stands there, or a model beside it, cannot be read, and then a warning for each that may be one.
    /// </returns>
    public static IReadOnlyList<string> Of(string model, OnnxModel original, IReadOnlyList<string> written, List<ConfigChange> changes)
    {
        if (!File.Exists(model) || new FileInfo(model).LinkTarget is not null) return [];
        var folder = Path.GetDirectoryName(model)!;
        try
        {
            var others = Directory.GetFiles(folder, "*.onnx").Where(f => f != model).SelectMany(f => OnnxModel.Load(f).Files);
            var kept = original.Files.Concat(others).Concat(written.Select(n => Path.Combine(folder, n))).ToHashSet(StringComparer.Ordinal);
            return
            [
                .. OnnxModel.Load(model).Files.Where(
                    f => f != model
                        && f.StartsWith(model, StringComparison.Ordinal)
                        && Path.GetDirectoryName(f) == folder
                        && !kept.Contains(f)),
            ];
        }
        catch (Exception e) when (e is RefusedException or InputFileException)
        {
            var doubtful = Directory.GetFiles(folder, Path.GetFileName(model) + "?*")
                .Select(f => Path.GetFileName(f))
                .Except(written, StringComparer.Ordinal);
            changes.AddRange(
                doubtful.Select(
                    f => new ConfigChange(
                        f, "stays:", "whether it belongs to the model that was overwritten could not be read", IsWarning: true)));
            return [];
        }
    }
}
