using System.Text.RegularExpressions;
using OnnxMka.Graph;

namespace OnnxMka.Running.Sessions;

/// <summary>
/// Finds what an input means: first from the operators that read it, which leave no doubt (an input called <c>past_seq_len</c> may hold the
/// place of the last token), then from its name, type and rank.
/// </summary>
internal sealed partial class PortRoles(OnnxGraph graph)
{
    /// <summary>Operators that hand integers on as they are.</summary>
    private static readonly HashSet<string> Passing = new(StringComparer.Ordinal)
    {
        "Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Expand",
    };

    private GraphIndex? _index;

    /// <summary>Who reads what; asked for where a name does not say enough.</summary>
    public GraphIndex Index => _index ??= GraphIndex.Of(graph);

    /// <summary>The meaning of an input that is neither tokens nor a cache. Refuses one that has none it knows (MKA021).</summary>
    public PortRole Of(ValueInfo input)
    {
        if (input.Type is ElementType.Bool && input.Name == "use_cache_branch") return PortRole.UseCache;
        var isWhole = input.Type is ElementType.Int64 or ElementType.Int32;
        var isMask = Is(input, "mask") && input.Rank is -1 or >= 2 and <= 4
            && (isWhole || input.Type is ElementType.Bool || input.Type.IsMergeable());
        return isMask ? PortRole.Mask : (isWhole ? ByReader(input.Name) ?? ByName(input) : null) ?? throw Unknown(input);
    }

    /// <summary>What the values of a mask mean.</summary>
    public MaskMeaning MeaningOf(ValueInfo mask) =>
        mask is { Rank: 2 or -1, Type: ElementType.Int64 or ElementType.Int32 } ? MaskMeaning.Seen : MaskReaders.Meaning(mask, Index);

    private static RefusedException Unknown(ValueInfo input) => new(
        "MKA021",
        input.Name,
        $"the meaning of this input ({TypeOf(input)}) is not known, so the model is not run",
        "Known are token ids, masks, positions, lengths and caches. " + RuntimeSession.WithoutRun);

    private static string TypeOf(ValueInfo input) =>
        $"{input.Type.ToString().ToLowerInvariant()}[{string.Join(", ", input.Dimensions ?? ["?"])}]";

    /// <summary>What the operator at the end of the way takes there.</summary>
    private PortRole? ByReader(string input)
    {
        var (pending, seen) = (new Queue<string>([input]), new HashSet<string>(StringComparer.Ordinal));
        while (pending.TryDequeue(out var value))
        {
            if (!seen.Add(value)) continue;
            foreach (var (node, slot) in Index.Readers(value))
            {
                if (Of(node, slot) is { } role) return role;
                var passes = Passing.Contains(node.OpType) && node.Domain == "" && slot == 0 && node.Outputs.Length > 0;
                if (passes) pending.Enqueue(node.Outputs[0]);
            }
        }

        return null;
    }

    private static PortRole? Of(OnnxNode node, int slot) => (node.Domain, node.OpType, slot) switch
    {
        ("com.microsoft", "GroupQueryAttention", 5) => PortRole.LastPlace,
        ("com.microsoft", "GroupQueryAttention", 6) => PortRole.TotalLength,
        ("com.microsoft", "GroupQueryAttention", 9) => PortRole.Positions,
        ("com.microsoft", "SparseAttention", 7 or 8) => PortRole.TotalLength,
        ("com.microsoft", "RotaryEmbedding", 1) or ("", "RotaryEmbedding", 3) => PortRole.Positions,
        ("", "Attention", 6) => PortRole.TotalLength,
        ("", "TensorScatter", 2) => PortRole.PastLength,
        _ => null,
    };

    private static PortRole? ByName(ValueInfo input)
    {
        if (Is(input, "logits_to_keep")) return PortRole.NewLength;
        if (Position().IsMatch(input.Name)) return PortRole.Positions;
        if (Is(input, "seqlens_k")) return PortRole.LastPlace;
        if (Is(input, "write_ind") || Is(input, "cache_ind")) return PortRole.PastLength;
        if (!Length().IsMatch(input.Name)) return null;
        if (Is(input, "total") || Is(input, "kv_")) return PortRole.TotalLength;
        return Is(input, "past") || Is(input, "cache") ? PortRole.PastLength : null;
    }

    private static bool Is(ValueInfo input, string word) => input.Name.Contains(word, StringComparison.OrdinalIgnoreCase);

    /// <summary><c>position_ids</c>, <c>cache_position</c>, <c>input_pos</c>; not <c>positive</c>.</summary>
    [GeneratedRegex(
        "position|(^|[^A-Za-z])pos([^A-Za-z]|$)",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture,
        Timeout.Infinite)]
    private static partial Regex Position();

    /// <summary><c>past_seq_len</c>, <c>nonpad_kv_seqlen</c>, <c>total_sequence_length</c>.</summary>
    [GeneratedRegex(
        "len(gths?|s)?([^A-Za-z]|$)",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture,
        Timeout.Infinite)]
    private static partial Regex Length();
}
