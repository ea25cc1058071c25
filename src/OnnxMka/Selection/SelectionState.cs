using System.Collections.Immutable;
using OnnxMka.Bench;

namespace OnnxMka.Selection;

/// <summary>The rounds of a greedy selection in a journal.</summary>
internal sealed class SelectionState
{
    private readonly Journal _journal;
    private readonly string _name;

    private SelectionState(Journal journal, string name, ImmutableArray<SelectedBlock> rounds)
    {
        _journal = journal;
        _name = name;
        Rounds = rounds;
    }

    public ImmutableArray<SelectedBlock> Rounds { get; private set; }

    /// <summary>
    /// Starts with what the journal holds. The other way with a block may have no finite loss, as it has here; the way that was taken has
    /// one, and a round without it is refused (MKA060).
    /// </summary>
    /// <param name="key">Tells one search from another.</param>
    public static SelectionState Of(Journal journal, string key)
    {
        var name = $"greedy-loss {key}";
        var rounds = journal.List<SelectedBlock>(name);
        if (rounds.FirstOrDefault(r => !double.IsFinite(r.Score)) is { } none)
            throw journal.Impossible($"its round for block {none.Block} has no finite loss");
        return new SelectionState(
            journal,
            name,
            [.. rounds.Select(r => r.OtherScore is { } other && !double.IsFinite(other) ? r with { OtherScore = null } : r)]);
    }

    public void Add(SelectedBlock round)
    {
        Rounds = Rounds.Add(round);
        _journal.Append(_name, round);
    }

    /// <summary>What to say of a round that this search cannot have had.</summary>
    public RefusedException Impossible(SelectedBlock round) =>
        _journal.Impossible($"its round for block {round.Block} is none of this search");
}
