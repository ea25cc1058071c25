using System.Diagnostics;
using OnnxMka.Outcomes;

namespace OnnxMka.Cli;

/// <summary>Progress on stderr: a bar that is redrawn on a terminal, one line a finished stage elsewhere.</summary>
internal sealed class ConsoleProgress : IProgressSink
{
    private readonly bool _live = !Console.IsErrorRedirected;

    /// <summary>The sink that the options ask for.</summary>
    public static IProgressSink For(bool quiet) => quiet ? NoProgress.Instance : new ConsoleProgress();

    public IStage Begin(string name, long total, string unit) => new Stage(name, Math.Max(total, 1), unit, _live);

    public void Note(string text) => Console.Error.WriteLine("note: " + text);

    private sealed class Stage(string name, long total, string unit, bool live) : IStage
    {
        private const int BarWidth = 28;
        private readonly Stopwatch _clock = Stopwatch.StartNew();
        private readonly Lock _gate = new();
        private long _done;
        private long _drawnAt = -1000;

        public void Advance(long amount)
        {
            lock (_gate)
            {
                _done += amount;
                if (!live || _clock.ElapsedMilliseconds - _drawnAt < 80) return;
                _drawnAt = _clock.ElapsedMilliseconds;
                Console.Error.Write("\r" + Line(Bar()));
            }
        }

        public void Dispose()
        {
            lock (_gate)
            {
                if (live) Console.Error.Write("\r\e[K");
                Console.Error.WriteLine(
                    _done >= total ? Line($"{Amount(total)}, {Seconds()}") : Line($"stopped at {Amount(_done)} of {Amount(total)}"));
            }
        }

        private string Line(string rest) => $"{name,-16} {rest}";

        private string Bar()
        {
            var share = Math.Min(1.0, (double)_done / total);
            var filled = (int)(share * BarWidth);
            var left = share > 0.02 ? $", {Duration(_clock.Elapsed.TotalSeconds * (1 - share) / share)} left" : "";
            return $"[{new string('#', filled)}{new string('.', BarWidth - filled)}] {share,4:0%} of {Amount(total)}{left}\e[K";
        }

        private string Amount(long value) => unit == "bytes" ? Sizes.Text(value) : $"{value:N0} {unit}";

        private string Seconds() => Duration(_clock.Elapsed.TotalSeconds);

        private static string Duration(double seconds) =>
            seconds < 60 ? $"{seconds:0.0} s" : $"{(int)(seconds / 60)} min {seconds % 60:00} s";
    }
}

/// <summary>Bytes for people.</summary>
internal static class Sizes
{
    public static string Text(long bytes) => bytes switch
    {
        >= 1_000_000_000 => $"{bytes / 1e9:0.00} GB",
        >= 1_000_000 => $"{bytes / 1e6:0.0} MB",
        >= 1_000 => $"{bytes / 1e3:0.0} kB",
        _ => $"{bytes} bytes",
    };
}
