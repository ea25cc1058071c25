using OnnxMka.Graph;

namespace OnnxMka.Running.Sessions;

/// <summary>What a mask holds for a token that may be looked at, and for one that may not.</summary>
internal enum MaskMeaning
{
    /// <summary>1 and 0.</summary>
    Seen,

    /// <summary>0 and 1.</summary>
    Hidden,

    /// <summary>0 and the lowest number: it is added to the scores.</summary>
    Added,
}

/// <summary>Tells the meaning of a mask from the operators that read it.</summary>
internal static class MaskReaders
{
    /// <summary>A number that hides a token when it is added to its score; exporters write -100 and less.</summary>
    private const double Hiding = -50;

    private static readonly HashSet<string> Passing = new(StringComparer.Ordinal)
    {
        "Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Expand", "Slice", "Transpose", "Tile",
    };

    /// <summary>The first operator that uses the values decides; where none does, floats are added and others say what is seen.</summary>
    public static MaskMeaning Meaning(ValueInfo mask, GraphIndex index)
    {
        using var constants = new SmallConstants(index);
        var (pending, seen) = (new Queue<(string Value, bool Turned)>([(mask.Name, false)]), new HashSet<string>(StringComparer.Ordinal));
        while (pending.TryDequeue(out var next))
        {
            if (!seen.Add(next.Value)) continue;
            foreach (var (node, slot) in index.Readers(next.Value).Where(r => r.Slot >= 0 && r.Node.Outputs.Length > 0))
            {
                if (Use(node, slot, mask.Type, constants) is { } meaning) return next.Turned ? Turned(meaning) : meaning;
                if (Passing.Contains(node.OpType) && slot == 0) pending.Enqueue((node.Outputs[0], next.Turned));
                else if (node.OpType is "And" or "Or") pending.Enqueue((node.Outputs[0], next.Turned));
                else if (TurnsRound(node, slot, constants)) pending.Enqueue((node.Outputs[0], !next.Turned));
            }
        }

        return mask.Type.IsMergeable() ? MaskMeaning.Added : MaskMeaning.Seen;
    }

    /// <summary>What a value means to the operator that uses it; null where it hands it on.</summary>
    private static MaskMeaning? Use(OnnxNode node, int slot, ElementType type, SmallConstants constants)
    {
        switch (node.Domain, node.OpType)
        {
            case ("", "Where") when slot == 0:
                if (Hides(node, 1, constants)) return MaskMeaning.Hidden;
                return Hides(node, 2, constants) ? MaskMeaning.Seen : null;
            // (1 - mask) * lowest: by then the mask is turned round.
            case ("", "Mul"):
                return Hides(node, 1 - slot, constants) ? MaskMeaning.Hidden : MaskMeaning.Seen;
            case ("", "Attention") when slot == 3:
            case ("com.microsoft", "MultiHeadAttention") when slot == 5:
            case ("com.microsoft", "GroupQueryAttention") when slot == 10:
                return type == ElementType.Bool ? MaskMeaning.Seen : MaskMeaning.Added;
            case ("", "Add" or "Sum") when type.IsMergeable():
                return MaskMeaning.Added;
            case ("", "ReduceSum" or "CumSum"):
                return MaskMeaning.Seen;
            default:
                return null;
        }
    }

    private static bool Hides(OnnxNode node, int slot, SmallConstants constants) =>
        node.Inputs.Length > slot && constants.Number(node.Inputs[slot]) is < Hiding;

    private static bool TurnsRound(OnnxNode node, int slot, SmallConstants constants) =>
        node.OpType == "Not" || IsOneLess(node, slot, constants) || IsComparedWithZero(node, constants);

    private static bool IsOneLess(OnnxNode node, int slot, SmallConstants constants) =>
        node.OpType == "Sub" && slot == 1 && constants.Number(node.Inputs[0]) == 1;

    private static bool IsComparedWithZero(OnnxNode node, SmallConstants constants) =>
        node.OpType == "Equal" && node.Inputs.Any(i => constants.Number(i) == 0);

    private static MaskMeaning Turned(MaskMeaning meaning) => meaning switch
    {
        MaskMeaning.Seen => MaskMeaning.Hidden,
        MaskMeaning.Hidden => MaskMeaning.Seen,
        _ => meaning,
    };
}
