using System.CommandLine;
using System.Runtime.InteropServices;
using OnnxMka.Cli;
using OnnxMka.Cli.Verbs;
using OnnxMka.Isolation;

[assembly: ServesProbes]

if (ChildServer.Serve(args) is { } served) return served;

var root = new RootCommand("Makes exported ONNX LLMs smaller by merging decoder blocks.") { InspectVerb.Create(), ScoreVerb.Create(), EvalVerb.Create(), SweepVerb.Create() };
new CompressVerb().AddTo(root);
var parsed = root.Parse(args);
if (parsed.Errors.Count > 0) return ErrorLines.Say(parsed.Errors[0].Message, ExitCode.Usage);

// A file above what the shell allows (ulimit -f) is an error of the write then, and not the end of the process.
const int FileTooLarge = 25; // SIGXFSZ on Linux
using var tooLarge = OperatingSystem.IsLinux() ? PosixSignalRegistration.Create((PosixSignal)FileTooLarge, signal => signal.Cancel = true) : null;

// A terminal that goes away ends a run as Ctrl-C does.
using var hangUp = new CancellationTokenSource();
using var registration = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
{
    signal.Cancel = true;
    hangUp.Cancel();
});

// Ctrl-C waits for the batch at work to end, so that the staging folder is removed.
return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromMinutes(1) }, hangUp.Token);
