namespace OnnxMka.Graph;

/// <summary>Names of the output's data files and the most bytes that one may hold.</summary>
internal sealed record DataFileNaming(string First, string ChunkSuffix, long ChunkLimit)
{
    public string Chunk(int number) => number == 0 ? First : $"{First}{ChunkSuffix}{number}";

    /// <summary>Reads the style off the locations that the input uses.</summary>
    public static DataFileNaming Of(IEnumerable<string?> locations, string inputPath, string outputName)
    {
        var used = locations.OfType<string>().Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray();
        var inputName = Path.GetFileName(inputPath);
        var one = new DataFileNaming($"{outputName}.data", "_", long.MaxValue);
        if (used.Length == 0) return one;
        var first = used[0];
        var suffix = first.StartsWith(inputName, StringComparison.Ordinal) ? first[inputName.Length..] : first.EndsWith(".onnx_data", StringComparison.Ordinal) ? "_data" : ".data";
        if (suffix.Length == 0 || suffix.Contains('/')) return one;
        var naming = one with { First = outputName + suffix };
        var chunked = used.Length > 1 && used.Skip(1).All(u => u.StartsWith(first + "_", StringComparison.Ordinal));
        return chunked ? naming with { ChunkLimit = LargestFile(used, inputPath) } : naming;
    }

    private static long LargestFile(IEnumerable<string> locations, string inputPath)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(inputPath))!;
        return locations.Max(l => new FileInfo(Path.Combine(folder, l)).Length);
    }
}
