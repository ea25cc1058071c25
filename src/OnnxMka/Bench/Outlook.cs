using OnnxMka.Compensation;
using OnnxMka.Outcomes;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Bench;

/// <summary>What a long run will take, said before it starts: tokens, parts, time from a probe of this machine and model.</summary>
/// <param name="budget">Time that it should take; null for any.</param>
/// <param name="known">What was probed before; null for nothing.</param>
/// <param name="least">Multiplications and additions below which nobody asks.</param>
internal sealed class Outlook(Workbench bench, TimeSpan? budget, MachineSpeed? known = null, double least = Outlook.Long)
{
    /// <summary>Multiplications and additions that take some seconds on any machine.</summary>
    internal const double Long = 1e12;

    private MachineSpeed? _speed = known;

    /// <summary>True where so many tokens through all blocks are worth a probe.</summary>
    public static bool IsLong(BlockMap map, long tokens, double least = Long) => 2.0 * map.Blocks.Sum(map.ParameterCount) * tokens >= least;

    /// <summary>
    /// Before the seams of a model are made: how long that takes, and what comes after it; beyond the budget, what to change. A search
    /// keeps its budget by itself.
    /// </summary>
    /// <param name="ahead">The step that will take the time; null for none.</param>
    public void BeforeSeams(BlockMap map, CalibrationSplit split, Prospect? ahead)
    {
        if (Known(map, split) is not { } speed) return;
        var (seams, after) = (Seams(map, split).Seconds(speed), ahead?.Seconds(speed) ?? 0);
        var line = $"{Tokens(split):N0} tokens through {map.Count + 1} parts: about {Durations.About(seams)}";
        if (ahead is not null) line += $"; {ahead.What} {Durations.About(after)} more";
        bench.NoteOnce(line);
        if (budget is { } time && ahead is not { Budget: not null } && seams + after > time.TotalSeconds)
            bench.NoteOnce(Advice(time, split, seams + after));
    }

    /// <summary>Before a pass over so many units; null where it takes no time worth a line.</summary>
    public string? BeforePass(BlockMap map, CalibrationSplit split, IUnitWork work, int units)
    {
        if (Known(map, split) is not { } speed) return null;
        var (usual, most) = (Time(most: false), Time(most: true));
        return $"{units} blocks over {Tokens(split):N0} tokens, about {usual}"
            + (most == usual ? "" : $", up to {most} where the first try does not help");

        string Time(bool most) => Durations.About(units * work.Effort(map, split, most).Seconds(speed));
    }

    private static long Tokens(CalibrationSplit split) => split.Fit.TokenCount + (split.HeldOut?.TokenCount ?? 0);

    /// <summary>Of all seams of a text.</summary>
    internal static Effort Seams(BlockMap map, CalibrationSplit split) => map.Count * new Effort(1, 0, Tokens(split), 0);

    private static string Advice(TimeSpan time, CalibrationSplit split, double seconds)
    {
        var windows = split.Fit.Count + (split.HeldOut?.Count ?? 0);
        var fitting = (int)(windows * time.TotalSeconds / seconds);
        return fitting >= CalibrationSet.MinSamples
            ? $"that is more than the {Durations.About(time.TotalSeconds)} of --budget: --calib-samples {fitting} would fit"
            : $"that is more than the {Durations.About(time.TotalSeconds)} of --budget, which the least text (--calib-samples "
                + $"{CalibrationSet.MinSamples}) would not fit either: shorter windows (--seq-len) or --compensate none take less";
    }

    private MachineSpeed? Known(BlockMap map, CalibrationSplit split)
    {
        if (!IsLong(map, Tokens(split), least)) return null;
        if (_speed is not null) return _speed;
        using var stage = bench.Progress.Begin("probe", 1, "block");
        _speed = MachineSpeed.Of(bench.Chain(map), split.Fit.Length, bench.Stop);
        stage.Advance(1);
        return _speed;
    }
}
