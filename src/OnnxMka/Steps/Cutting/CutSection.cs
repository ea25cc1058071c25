using System.Collections.Immutable;
using System.Globalization;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Cutting;
using OnnxMka.Planning;
using OnnxMka.Steps.Correcting;

namespace OnnxMka.Steps.Cutting;

/// <summary>What a cut tells of a unit.</summary>
/// <param name="Unit">Name in the input.</param>
/// <param name="Gone">It was left out.</param>
/// <param name="Sizes">Ranks and widths of what was cut, each with what it was.</param>
/// <param name="Parameters">Of its matrices, before and after.</param>
/// <param name="Price">Share of the stream's energy behind the layer that it is taken to put wrong.</param>
internal sealed record CutUnit(
    string Unit,
    bool Gone,
    ImmutableArray<CutSize> Sizes,
    long ParametersBefore,
    long Parameters,
    double Price,
    ImmutableArray<string> Obstacles);

/// <summary>A rank or a width, and what it was.</summary>
internal sealed record CutSize(string Name, int Before, int Size);

/// <summary>What was chosen.</summary>
internal sealed record CutReport(double Ratio, long ParametersBefore, long Parameters, double Price, ImmutableArray<CutUnit> Units);

/// <summary>How a cut is told.</summary>
internal static class CutSection
{
    private const int BarLength = 24;

    public static Section Choice(ImmutableArray<UnitForm> forms, double ratio, ModelState state)
    {
        var units = forms.Select(f => new CutUnit(
            Removal.NamesOf([f.Place], state)[0],
            f.Gone,
            [.. f.Taken.Where(t => t.Taken != t.Dense).Select(t => new CutSize(t.Name, t.Dense.Size, t.Taken.Size))],
            f.Unit.Parameters,
            f.Parameters,
            f.Price,
            [.. f.Unit.Obstacles.Select(o => $"{o.Name}: {o.Why}")])).ToImmutableArray();
        var report = new CutReport(ratio, units.Sum(u => u.ParametersBefore), units.Sum(u => u.Parameters), units.Sum(u => u.Price), units);
        var taken = 1 - (report.Parameters / (double)Math.Max(1, report.ParametersBefore));
        var rows = units.Select(u => (ImmutableArray<string>)
        [
            u.Unit,
            Bar(u),
            u.Parameters.ToString("N0", CultureInfo.CurrentCulture),
            u.Price.ToString("0.0e+0", CultureInfo.CurrentCulture),
            u.Gone ? "left out" : string.Join(", ", u.Sizes.Select(s => $"{Short(s.Name)} {s.Size} of {s.Before}")),
        ]);
        return new Section("cut", report)
        {
            Label = "cut",
            Shown =
            [
                new SectionTable(["unit", "kept", "parameters", "price", "cut"], [.. rows]),
                new SectionLine(
                    $"{taken:0.0%} of the blocks' {report.ParametersBefore:N0} parameters go; price: share of the stream's energy behind "
                        + "the layer that the cut puts wrong, before anything is fitted"),
            ],
        };
    }

    public static Section Steps(ImmutableArray<CompensationStep> steps, MergePlan plan) =>
        new("cutSteps", steps) { Shown = FitTable.Of(steps, plan, "cut or fitted") };

    private static string Short(string name) => name[(name.LastIndexOf('/') + 1)..];

    /// <summary>The share that is left.</summary>
    private static string Bar(CutUnit unit)
    {
        if (unit.ParametersBefore == 0) return "";
        var full = (int)Math.Round(BarLength * unit.Parameters / (double)unit.ParametersBefore);
        return new string('#', full) + new string('.', BarLength - full);
    }
}
