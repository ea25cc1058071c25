namespace OnnxMka.Inputs;

/// <summary>How what a run has staged is told from what belongs to a model.</summary>
internal static class StagingNames
{
    public const string Prefix = ".onnx-mka-";

    /// <summary>File in a staging folder that says what is about to get its name.</summary>
    public const string List = "commit.json";

    /// <summary>True for what a run, alive or not, has staged.</summary>
    public static bool Is(string path) => Path.GetFileName(path).StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>True for a staging folder whose files were about to be given their names.</summary>
    public static bool IsBegun(string staging) => File.Exists(Path.Combine(staging, List));

    /// <summary>True for a folder whose files a killed run was replacing.</summary>
    public static bool IsHalfDone(string parent) => Directory.GetDirectories(parent, Prefix + "*").Any(IsBegun);
}
