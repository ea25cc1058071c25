using System.Text.Json;

namespace OnnxMka.Numerics.Tests;

/// <summary>Data/*.json: cases of a definition, evaluated once by an independent numpy script.</summary>
internal static class GoldenCases
{
    /// <summary>The cases of a file, and the distance to them that the script's printed digits allow.</summary>
    public static (JsonElement[] Cases, double Tolerance) Of(string name)
    {
        var root = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Data", $"{name}.json"))).RootElement;
        return ([.. root.GetProperty("cases").EnumerateArray()], root.GetProperty("tolerance").GetDouble());
    }

    public static int Whole(this JsonElement golden, string name) => golden.GetProperty(name).GetInt32();

    public static double Number(this JsonElement golden, string name) => golden.GetProperty(name).GetDouble();

    /// <summary>A vector, or a matrix row after row.</summary>
    public static double[] Numbers(this JsonElement golden, string name) => [.. Flat(golden.GetProperty(name))];

    /// <summary>Rows of a matrix.</summary>
    public static int Rows(this JsonElement golden, string name) => golden.GetProperty(name).GetArrayLength();

    private static IEnumerable<double> Flat(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().SelectMany(Flat) : [value.GetDouble()];
}
