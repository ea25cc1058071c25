using System.Text.Json;

namespace OnnxMka.Tests;

/// <summary>
/// What the fixture must answer with blocks dropped or merged, from a numpy forward pass in float64 that shares no code with the
/// product (<c>tools/reference</c>).
/// </summary>
internal sealed record ReferenceFile(int[] Prompt, int[][] Windows, IReadOnlyDictionary<string, ReferenceFile.Answer> Answers)
{
    private static readonly Lazy<ReferenceFile> Loaded = new(Load);

    public static ReferenceFile Instance => Loaded.Value;

    private static ReferenceFile Load()
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Books16.Root, "models-fixtures", "books16-reference.json")));
        var root = json.RootElement;
        var answers = new Dictionary<string, Answer>(StringComparer.Ordinal);
        foreach (var element in root.GetProperty("cases").EnumerateArray())
        {
            var answer = new Answer(element.GetProperty("perplexity").GetDouble(), Floats(element.GetProperty("last_logits")));
            answers.Add(element.GetProperty("name").GetString()!, answer);
        }

        return new ReferenceFile(Ints(root.GetProperty("prompt")), [.. root.GetProperty("windows").EnumerateArray().Select(Ints)], answers);
    }

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt32())];

    private static double[] Floats(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetDouble())];

    /// <summary>Perplexity over the windows, and the logits after the prompt's last token.</summary>
    public sealed record Answer(double Perplexity, double[] LastLogits);
}
