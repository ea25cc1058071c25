using OnnxMka.Compensation;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Bench;

/// <summary>How much calibration text something is fitted to.</summary>
public enum TextAmount
{
    /// <summary>The windows that were asked for, but for those that judge.</summary>
    Usual,

    /// <summary>Half of them: enough to compare choices, since what a fit lacks in accuracy all of them lack.</summary>
    Few,

    /// <summary>Four times as many, or all that the text has.</summary>
    Ample,
}

/// <summary>The calibration text of a job by what it is for; made when first asked for.</summary>
internal sealed class BenchText
{
    private const int FewShare = 2;
    private readonly Lazy<CalibrationSplit> _usual;
    private readonly Lazy<CalibrationSplit> _few;
    private readonly Lazy<(CalibrationSet Fit, CalibrationSet Judges)> _ample;

    public BenchText(Texts texts)
    {
        _usual = new Lazy<CalibrationSplit>(() => CalibrationSplit.Of(texts.Calibration));
        _few = new Lazy<CalibrationSplit>(() => new CalibrationSplit(Half(_usual.Value.Fit), Half(_usual.Value.HeldOut!)));
        _ample = new Lazy<(CalibrationSet Fit, CalibrationSet Judges)>(() => Amply(texts.Ample));
    }

    /// <summary>Windows that nothing of the usual amount is fitted to.</summary>
    public CalibrationSet HeldOut => _usual.Value.HeldOut!;

    /// <summary>
    /// Windows that not even an ample fit sees. Sets of blocks that are worth comparing lie 0.01 nats apart; a difference of two of them
    /// over 32 windows of 128 tokens has a standard error near that, over three times as many near half of it.
    /// </summary>
    public CalibrationSet Judges => _ample.Value.Judges;

    public CalibrationSplit Of(TextAmount amount) => amount switch
    {
        TextAmount.Few => _few.Value,
        TextAmount.Ample => _usual.Value with { Fit = _ample.Value.Fit },
        _ => _usual.Value,
    };

    private (CalibrationSet Fit, CalibrationSet Judges) Amply(CalibrationSet ample)
    {
        var (fit, heldOut) = (_usual.Value.Fit, HeldOut);
        var known = fit.Samples.Concat(heldOut.Samples).Select(Key).ToHashSet(StringComparer.Ordinal);
        var others = CalibrationSplit.Of(ample with { Samples = [.. ample.Samples.Where(s => !known.Contains(Key(s)))] });
        return (
            fit with { Samples = [.. fit.Samples, .. others.Fit.Samples] },
            heldOut with { Samples = [.. heldOut.Samples, .. others.HeldOut!.Samples] });

        static string Key(int[] ids) => string.Join(' ', ids);
    }

    private static CalibrationSet Half(CalibrationSet set) => set with { Samples = [.. set.Samples.Where((_, i) => i % FewShare == 0)] };
}
