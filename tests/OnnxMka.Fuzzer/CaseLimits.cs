using System.Diagnostics;

namespace OnnxMka.Fuzzer;

/// <summary>Ends this process where one case takes too long or too much memory: native code cannot be asked to stop.</summary>
/// <param name="say">Told how the case ended, before the end.</param>
internal sealed class CaseLimits : IDisposable
{
    private const long Memory = 3L << 30;

    private readonly Action<CaseEnd, string> _say;
    private readonly TimeSpan _longest;
    private readonly Timer _timer;
    private long _began = Stopwatch.GetTimestamp();

    public CaseLimits(TimeSpan longest, Action<CaseEnd, string> say)
    {
        (_longest, _say) = (longest, say);
        _timer = new Timer(_ => Look(), null, 50, 50);
    }

    public void Restart() => Interlocked.Exchange(ref _began, Stopwatch.GetTimestamp());

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        if (Environment.WorkingSet > Memory) End(CaseEnd.OverMemory, $"more than {Memory >> 30} GB");
        if (Stopwatch.GetElapsedTime(Interlocked.Read(ref _began)) > _longest) End(CaseEnd.Hung, $"more than {_longest.TotalSeconds:0} s");
    }

    private void End(CaseEnd end, string detail)
    {
        lock (_timer)
        {
            _say(end, detail);
            using var self = Process.GetCurrentProcess();
            self.Kill();
        }
    }
}
