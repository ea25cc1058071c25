namespace OnnxMka.Graph.Tests;

/// <summary>Models that are committed with the project.</summary>
internal static class Fixtures
{
    public static string Books16 => Path.Combine(Root(), "models-fixtures", "books16", "model.onnx");

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "OnnxMka.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException("no folder above the tests has OnnxMka.sln");
        return folder;
    }
}
