using System.Text.Json;

namespace OnnxMka.Tests.Caching;

/// <summary>Values that another program computed in float64.</summary>
internal static class LorcGolden
{
    private static readonly JsonElement Root = JsonDocument.Parse(
        File.ReadAllBytes(Path.Combine(Books16.Root, "tests", "OnnxMka.Tests", "Caching", "lorc.json"))).RootElement;

    /// <summary>A case, and how near one comes to it.</summary>
    public static (JsonElement Case, double Tolerance) Of(string kind) => (
        Root.GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("kind").GetString() == kind),
        Root.GetProperty("tolerance").GetDouble());

    public static double[] Matrix(JsonElement golden, string name) =>
        [.. golden.GetProperty(name).EnumerateArray().SelectMany(row => row.EnumerateArray()).Select(v => v.GetDouble())];

    public static double[] Row(JsonElement golden, string name) =>
        [.. golden.GetProperty(name).EnumerateArray().Select(v => v.GetDouble())];
}
