using OnnxMka.Compensation;
using OnnxMka.Planning;
using OnnxMka.Selection;

namespace OnnxMka.Sweeping;

/// <summary>One way to remove blocks, as it is written on the command line: <c>mka</c>, <c>drop</c>, <c>drop:bi</c>, <c>drop:bi+refit</c>.</summary>
/// <param name="Select">How the blocks are chosen; null for the order that the sweep has.</param>
public sealed record SweepMethod(Method Method, SelectionKind? Select = null, CompensationKind Compensate = CompensationKind.None)
{
    public string Name => Method.ToString().ToLowerInvariant()
        + (Select is { } select ? ":" + SelectionNames.Of(select) : "")
        + (Compensate != CompensationKind.None ? "+" + Compensate.ToString().ToLowerInvariant() : "");

    /// <summary>Null for a text that names no such way. The search for the best way is one of its own and no part of a sweep.</summary>
    public static SweepMethod? Parse(string text)
    {
        var (head, compensation) = Cut(text, '+');
        var (name, selection) = Cut(head, ':');
        Method? method = name switch { "mka" => Method.Mka, "drop" => Method.Drop, _ => null };
        var select = selection is null ? (SelectionKind?)null : Enum.GetValues<SelectionKind>().Cast<SelectionKind?>().FirstOrDefault(k => SelectionNames.Of(k!.Value) == selection);
        var compensate = compensation is null ? CompensationKind.None : Enum.GetValues<CompensationKind>().Cast<CompensationKind?>().FirstOrDefault(k => k.ToString()!.ToLowerInvariant() == compensation);
        return method is { } m && (selection is null || select is not null) && compensate is { } c ? new SweepMethod(m, select, c) : null;
    }

    private static (string Head, string? Tail) Cut(string text, char at) => text.IndexOf(at, StringComparison.Ordinal) is >= 0 and var place ? (text[..place], text[(place + 1)..]) : (text, null);
}
