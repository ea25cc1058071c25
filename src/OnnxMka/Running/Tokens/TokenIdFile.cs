using System.Text.Json;

namespace OnnxMka.Running.Tokens;

/// <summary>Token ids from a JSON lines file: one array of integers a line.</summary>
internal static class TokenIdFile
{
    public static int[][] Read(string path, out string sha256)
    {
        var source = TextSource.FromFile(path);
        sha256 = source.Sha256;
        var rows = new List<int[]>();
        var number = 0;
        foreach (var line in source.Text.Split('\n'))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            try
            {
                rows.Add(JsonSerializer.Deserialize<int[]>(line) ?? throw new JsonException("it is null"));
            }
            catch (JsonException e)
            {
                throw new RefusedException(
                    "MKA032",
                    $"{Path.GetFileName(path)} line {number}",
                    "it is no JSON array of integers",
                    "Give one array of token ids a line",
                    e);
            }
        }

        if (rows.Count == 0 || rows.Exists(r => r.Length == 0 || r.Any(id => id < 0)))
        {
            throw new RefusedException(
                "MKA032", Path.GetFileName(path), "it has no rows, an empty row, or negative ids", "Give one array of token ids a line");
        }

        return [.. rows];
    }
}
