namespace OnnxMka.Benchmarks;

/// <summary>One line of the table: a figure of ours, the same of a rival in the same run, and the bar.</summary>
/// <param name="Bar">What must hold, as words; null where a figure only informs.</param>
/// <param name="Holds">Whether it does; null without a bar.</param>
internal sealed record Row(string Work, string Ours, string Rival, string Ratio, string? Bar, bool? Holds)
{
    public const string Header = "| work | ours | rival | ratio | bar | holds |\n|---|---|---|---|---|---|";

    public override string ToString() =>
        $"| {Work} | {Ours} | {Rival} | {Ratio} | {Bar ?? ""} | {(Holds is { } h ? (h ? "yes" : "**no**") : "")} |";
}
