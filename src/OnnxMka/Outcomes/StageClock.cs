using System.Collections.Immutable;
using System.Diagnostics;

namespace OnnxMka.Outcomes;

/// <summary>How long a stage took, all its runs together.</summary>
internal sealed record StageTime(string Stage, double Seconds);

/// <summary>Runs stages and keeps their times. A search runs the same stage for every number that it tries.</summary>
internal sealed class StageClock
{
    private readonly OrderedDictionary<string, double> _seconds = new(StringComparer.Ordinal);
    private bool _isRunning;

    /// <summary>One sum a stage, in the order in which stages first ran.</summary>
    public ImmutableArray<StageTime> Times => [.. _seconds.Select(s => new StageTime(s.Key, s.Value))];

    /// <summary>A stage that runs inside another counts to that one.</summary>
    public T Time<T>(string stage, Func<T> work)
    {
        if (_isRunning) return work();
        var clock = Stopwatch.StartNew();
        _isRunning = true;
        try
        {
            var result = work();
            _seconds[stage] = _seconds.GetValueOrDefault(stage) + clock.Elapsed.TotalSeconds;
            return result;
        }
        finally
        {
            _isRunning = false;
        }
    }
}
