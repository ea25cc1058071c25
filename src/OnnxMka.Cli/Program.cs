using System.CommandLine;
using System.Runtime.InteropServices;
using OnnxMka;
using OnnxMka.Cli;
using OnnxMka.Cli.Verbs;
using OnnxMka.Isolation;

[assembly: ServesProbes]

if (Probes.Serve(args) is { } served) return served;

StandardStreams.Guard();
using var interruption = new Interruption();

var root = new RootCommand("Makes exported ONNX LLMs smaller by merging decoder blocks.")
{
    InspectVerb.Create(),
    ScoreVerb.Create(),
    EvalVerb.Create(),
    SweepVerb.Create(),
};
new CompressVerb().AddTo(root);
var parsed = root.Parse(args);
if (StrayWords.Problem(parsed) is { } problem) return ErrorLines.Say(problem, ExitCode.Usage);

// A file above what the shell allows (ulimit -f) is an error of the write then, and not the end of the process.
const int FileTooLarge = 25; // SIGXFSZ on Linux
using var tooLarge = OperatingSystem.IsLinux()
    ? PosixSignalRegistration.Create((PosixSignal)FileTooLarge, signal => signal.Cancel = true)
    : null;

var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
return await parsed.InvokeAsync(configuration, interruption.Token);
