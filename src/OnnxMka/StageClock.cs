using System.Collections.Immutable;
using System.Diagnostics;

namespace OnnxMka;

/// <summary>How long a stage took.</summary>
public sealed record StageTime(string Stage, double Seconds);

/// <summary>Runs stages and keeps their times.</summary>
public sealed class StageClock
{
    private readonly List<StageTime> _times = [];

    public ImmutableArray<StageTime> Times => [.. _times];

    public T Time<T>(string stage, Func<T> work)
    {
        var clock = Stopwatch.StartNew();
        var result = work();
        _times.Add(new StageTime(stage, clock.Elapsed.TotalSeconds));
        return result;
    }
}
