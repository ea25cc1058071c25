using System.Runtime.InteropServices;

namespace OnnxMka.Cli;

/// <summary>
/// Ctrl-C, a terminal that goes away, and a request to end. The first lets the work stop where it can and take away what it staged; a
/// second one, or a minute, ends the process at once, and the next run takes that away.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private static readonly PosixSignal[] Signals = [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP];

    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;
    private int _received;

    public Interruption() => _registrations = [.. Signals.Select(s => PosixSignalRegistration.Create(s, Stop))];

    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        foreach (var registration in _registrations) registration.Dispose();
        _source.Dispose();
    }

    private void Stop(PosixSignalContext signal)
    {
        signal.Cancel = true;
        if (Interlocked.Increment(ref _received) > 1) Environment.Exit(ExitCode.Cancelled);
        _ = Task.Delay(Patience, CancellationToken.None).ContinueWith(_ => Environment.Exit(ExitCode.Cancelled), TaskScheduler.Default);
        _source.Cancel();
    }
}
