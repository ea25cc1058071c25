namespace OnnxMka.Graph;

/// <summary>Names of the output's data files and the most bytes that one may hold.</summary>
internal sealed record DataFileNaming(string First, string ChunkSuffix, long ChunkLimit)
{
    private const int LongestSuffix = 32;

    public string Chunk(int number) => number == 0 ? First : $"{First}{ChunkSuffix}{number}";

    /// <summary>Reads the style off the locations that the input uses.</summary>
    public static DataFileNaming Of(IReadOnlyList<(string? Location, TensorContent Content)> tensors, string inputPath, string outputName)
    {
        var used = tensors.Select(t => t.Location)
            .OfType<string>()
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal)
            .ToArray();
        if (used.Length == 0) return new DataFileNaming(outputName + (IsHubLayout(inputPath) ? "_data" : ".data"), "_", long.MaxValue);
        var naming = new DataFileNaming(outputName + Suffix(used[0], Path.GetFileName(inputPath)), "_", long.MaxValue);
        var chunked = used.Length > 1 && used.Skip(1).All(u => u.StartsWith(used[0] + "_", StringComparison.Ordinal));
        return chunked ? naming with { ChunkLimit = LargestFile(tensors) } : naming;
    }

    /// <summary>transformers.js keeps models in a folder <c>onnx</c> and looks for their data under one name only.</summary>
    private static bool IsHubLayout(string inputPath) => Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(inputPath))) == "onnx";

    /// <summary>
    /// What the input's data file is called beyond the input's own name; untrusted, so only plain letters are taken over.
    /// </summary>
    private static string Suffix(string location, string inputName)
    {
        if (location.StartsWith(inputName, StringComparison.Ordinal) && IsPlain(location.AsSpan(inputName.Length)))
            return location[inputName.Length..];
        return location.EndsWith(".onnx_data", StringComparison.Ordinal) ? "_data" : ".data";
    }

    private static bool IsPlain(ReadOnlySpan<char> suffix)
    {
        if (suffix.Length is 0 or > LongestSuffix) return false;
        foreach (var c in suffix)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-')) return false;
        }

        return true;
    }

    private static long LargestFile(IReadOnlyList<(string? Location, TensorContent Content)> tensors)
    {
        var paths = tensors.Where(t => t.Location is not null).Select(t => t.Content).OfType<FileRange>().Select(r => r.Path);
        return paths.Distinct(StringComparer.Ordinal)
            .Select(p => new FileInfo(p))
            .Where(f => f.Exists)
            .Select(f => f.Length)
            .Append(0)
            .Max();
    }
}
