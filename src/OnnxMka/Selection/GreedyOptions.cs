using System.Security.Cryptography;
using System.Text;
using OnnxMka.Planning;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Selection;

/// <summary>What greedy selection may do, and where it keeps what it has found.</summary>
internal sealed record GreedyOptions
{
    /// <summary>Blocks that may go.</summary>
    public required IReadOnlyList<int> Candidates { get; init; }

    /// <summary>Share of the left block for a merge of what two seams end (original numbers); null where blocks are only dropped.</summary>
    public Func<int, int, double>? Alpha { get; init; }

    /// <summary>Blocks at the start that no merge may change.</summary>
    public int ProtectFirst { get; init; }

    /// <summary>Rounds of an earlier run, and the place of those to come; null to keep none.</summary>
    public SelectionState? State { get; init; }

    /// <summary>Tells one search from another: model, windows, and all that decides a round. The number of rounds does not.</summary>
    public static string KeyOf(
        BlockMap map,
        string fingerprint,
        CalibrationSet windows,
        PlanOptions options,
        bool weighsMerges,
        string device,
        SimilarityTable? similarity)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var names = string.Join(',', map.Blocks.Select(b => b.Name));
        var choices = FormattableString.Invariant(
            $"{options.Method} {weighsMerges} {options.Alpha} {options.ProtectFirst} {options.ProtectLast} {device}");
        hash.AppendData(Encoding.UTF8.GetBytes($"greedy-loss 1\n{fingerprint}\n{names}\n{choices}\n"));
        if (similarity is not null)
            hash.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes<double>(similarity.Rows.SelectMany(r => r).ToArray()));
        foreach (var sample in windows.Samples) hash.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>(sample));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
