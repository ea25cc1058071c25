using System.Collections.Immutable;
using System.Diagnostics;

namespace OnnxMka.Outcomes;

/// <summary>How long a stage took, all its runs together.</summary>
public sealed record StageTime(string Stage, double Seconds);

/// <summary>Runs stages and keeps their times. A search runs the same stage for every number that it tries.</summary>
public sealed class StageClock
{
    private readonly OrderedDictionary<string, double> _seconds = new(StringComparer.Ordinal);

    /// <summary>One sum a stage, in the order in which stages first ran.</summary>
    public ImmutableArray<StageTime> Times => [.. _seconds.Select(s => new StageTime(s.Key, s.Value))];

    public T Time<T>(string stage, Func<T> work)
    {
        var clock = Stopwatch.StartNew();
        var result = work();
        _seconds[stage] = _seconds.GetValueOrDefault(stage) + clock.Elapsed.TotalSeconds;
        return result;
    }
}
