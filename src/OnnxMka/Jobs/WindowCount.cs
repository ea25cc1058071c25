using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Outcomes;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Jobs;

/// <summary>
/// How many windows of text a job calibrates on, where nobody said: the default, and more where the widest least squares that lies ahead
/// wants more rows. Two rows an unknown at least; up to eight where they take no longer than an hour, or than <c>--budget</c>, for which
/// there may also be fewer. A search needs its time for trials, and what is resumed must not change with the machine's speed: both have the
/// least.
/// </summary>
internal static class WindowCount
{
    private const int Least = 2;
    private const int Most = 8;
    private static readonly TimeSpan Usual = TimeSpan.FromHours(1);

    /// <summary>
    /// The options with that number, which a line tells, and the speed where it was probed. As they came where it is the default anyway, or
    /// where nothing can be fitted.
    /// </summary>
    /// <param name="long">Multiplications and additions that are worth a probe.</param>
    public static (CompressionOptions Options, MachineSpeed? Speed) Chosen(
        CompressionOptions options, BlockMap map, IProgressSink progress, CancellationToken ct, double @long = Outlook.Long)
    {
        if (options.Recipe.Calibration.Samples is not null) return (options, null);
        var length = GraphLengths.Of(map).Fit(options.Recipe.Calibration.Length);
        if (Ahead(CalibrationOptions.Usual) is not { Unknowns: > 0 and var unknowns, Budget: var search }) return (options, null);
        var (least, most) = (Windows(Least), Windows(Most));
        var isTimed = search is null && options.JournalFile is null;
        if (most == CalibrationOptions.Usual && !(isTimed && options.Budget is not null && IsLong(most))) return (options, null);

        using var texts = JobTexts.Of(With(most), map, ct);
        if (!texts.CanCalibrate) return (options, null);
        var text = texts.Calibration;
        length = text.Length; // shorter where the text is
        var (available, lowest) = (text.Count, options.Budget is null ? least : CalibrationSet.MinSamples);
        var chosen = Math.Min(isTimed ? most : least, available);
        MachineSpeed? speed = null;
        if (isTimed && chosen > lowest && IsLong(chosen))
        {
            speed = Probed();
            if (speed is null) return (options, null);
            chosen = Fitting(chosen, lowest, Fits);
        }

        var why = chosen == available && available < most ? ", all that the text has"
            : isTimed && chosen < most ? $"; more would take longer than {Durations.About(Time().TotalSeconds)}, or too much of the disk"
            : "";
        var rows = (double)CalibrationSplit.Of(Set(chosen)).Fit.TokenCount / unknowns;
        var windows = FormattableString.Invariant($"{chosen:N0} windows of {length} tokens");
        progress.Note(FormattableString.Invariant($"calibration: {windows}: {rows:0.0} rows an input of {unknowns:N0}{why}"));
        return (With(chosen), speed);

        int Windows(int rows) => Math.Max(CalibrationOptions.Usual, CalibrationSplit.Windows((long)rows * unknowns, length));

        CompressionOptions With(int samples) => options with
        {
            Recipe = options.Recipe with { Calibration = options.Recipe.Calibration with { Samples = samples } },
        };

        // Estimates look at numbers of tokens alone.
        CalibrationSet Set(int windows) => new([.. Enumerable.Repeat(Array.Empty<int>(), windows)], length, "", "");

        Prospect? Ahead(int windows) => options.Kinds.Ahead(options.Recipe.Steps, map, CalibrationSplit.Of(Set(windows)));

        bool IsLong(int windows) => Outlook.IsLong(map, (long)windows * length, @long);

        TimeSpan Time() => options.Budget ?? Usual;

        MachineSpeed? Probed()
        {
            using var stage = progress.Begin("probe", 1, "block");
            try
            {
                var probed = MachineSpeed.Of(Runner.For(map, Set(chosen), options.Running).Chain(map), length, ct);
                stage.Advance(1);
                return probed;
            }
            catch (RefusedException)
            {
                return null; // blocks that do not run apart are corrected by nobody: the step refuses, or tells why it does without
            }
        }

        bool Fits(int windows)
        {
            var seconds = Outlook.Seams(map, CalibrationSplit.Of(Set(windows))).Seconds(speed) + Ahead(windows)!.Seconds(speed);
            var seams = MemoryEstimate.Of(map, Set(windows), options.Running.BatchSize, options.Running.Target).Seams * (map.Count + 1);
            return seconds <= Time().TotalSeconds && seams <= new DriveInfo(Path.GetTempPath()).AvailableFreeSpace / 2;
        }
    }

    /// <summary>Half as many until they fit, which times that vary a little seldom change.</summary>
    internal static int Fitting(int windows, int lowest, Func<int, bool> fits)
    {
        while (windows > lowest && !fits(windows)) windows = Math.Max(windows / 2, lowest);
        return windows;
    }
}
