using System.CommandLine;
using System.Globalization;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Steps.Merging;

namespace OnnxMka.Cli.Verbs;

/// <summary>Options of how weights are averaged.</summary>
internal sealed class MergeFlags
{
    private const string Fit = "fit";

    private static readonly BoundsAttribute Bounds = BoundsAttribute.Of<Merge>(nameof(Merge.Alpha));

    private readonly Option<string?> _alpha = new("--alpha")
    {
        HelpName = "A|fit",
        Description = "Share of the block that is kept, 0 to 1, or fit: least squares on calibration text, a share a weight (default: "
            + "the pair's similarity, at least 0.5)",
    };
    private readonly Option<AlignUnits> _align = ChoiceOption.Of<AlignUnits>(
        "--align", "Put MLP neurons or attention heads in the order of the block they are merged into");

    public IEnumerable<Option> All => [_alpha, _align];

    /// <summary>The merge with share and order of units as they are asked for.</summary>
    public Merge Apply(ParseResult parsed, bool planGiven, RemovalMethod method, Merge options)
    {
        var text = parsed.GetValue(_alpha);
        double? alpha = null;
        if (text is not null && text != Fit)
        {
            alpha = double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && Bounds.Has(value)
                ? value
                : throw new UsageException($"--alpha is {text}; it must be {Bounds}, or {Fit}.");
        }

        var (fit, align) = (text == Fit, parsed.GetValue(_align));
        if (!fit && align == AlignUnits.None) return options with { Alpha = alpha };
        if (method != RemovalMethod.Mka) throw new UsageException("--align and --alpha fit are about averages: they need --method mka.");
        if (planGiven)
        {
            throw new UsageException(
                "--align and --alpha fit make a plan better; one that is given with --plan holds its shares and orders already.");
        }

        return options with { Alpha = alpha, FitAlpha = fit, Align = align };
    }
}
