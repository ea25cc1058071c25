using OnnxMka.Bench;
using OnnxMka.Planning;
using OnnxMka.Selection;
using OnnxMka.Steps;
using OnnxMka.Steps.Comparing;
using OnnxMka.Steps.Correcting;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Merging;

namespace OnnxMka.Sweeping;

/// <summary>
/// One way to remove blocks, as it is written on the command line: <c>mka</c>, <c>drop</c>, <c>drop:bi</c>, <c>drop:bi+refit</c>.
/// </summary>
/// <param name="Method">What becomes of the weights of a removed block.</param>
/// <param name="Select">How the blocks are chosen; null for the order that the sweep has.</param>
/// <param name="Correction">Name of the correction; null for none.</param>
public sealed record SweepMethod(Method Method, string? Select = null, string? Correction = null)
{
    /// <summary>As it is written on the command line.</summary>
    public string Name => Method.ToString().ToLowerInvariant()
        + (Select is null ? "" : ":" + Select)
        + (Correction is null ? "" : "+" + Correction);

    /// <summary>Null for a text that names no such way. The search for the best way is one of its own and no part of a sweep.</summary>
    public static SweepMethod? Parse(string text, Selectors selectors)
    {
        var (head, correction) = Cut(text, '+');
        var (name, select) = Cut(head, ':');
        Method? method = name switch { "mka" => Method.Mka, "drop" => Method.Drop, _ => null };
        var isKnown = (select is null || selectors.Names.Contains(select))
            && (correction is null || correction == "none" || CorrectionNames.All.Contains(correction));
        return method is { } m && isKnown ? new SweepMethod(m, select, correction == "none" ? null : correction) : null;
    }

    /// <summary>The removal that it starts with.</summary>
    internal Removal Removal(double ratio, SweepOptions options)
    {
        var wanted = new Drop
        {
            Ratio = ratio,
            Select = Select ?? options.Select,
            ProtectFirst = options.ProtectFirst,
            ProtectLast = options.ProtectLast,
        };
        return Method == Method.Mka ? wanted.As(new Merge()) : wanted;
    }

    /// <summary>What comes behind it; null for nothing.</summary>
    internal Step? Corrected() => Correction is { } name ? CorrectionNames.Step(name, null, 1) : null;

    private static (string Head, string? Tail) Cut(string text, char at) =>
        text.IndexOf(at, StringComparison.Ordinal) is >= 0 and var place ? (text[..place], text[(place + 1)..]) : (text, null);
}
