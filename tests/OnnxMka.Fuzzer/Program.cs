using System.Collections.Immutable;
using OnnxMka;
using OnnxMka.Fuzzer;
using OnnxMka.Isolation;

[assembly: ServesProbes]

// OnnxMka.Fuzzer [CASES [FIRST_SEED]]: damaged models through load, calibrate, score, drop, write, step and evaluate, some hundred a child
// process.
var verbs = Probes.All.ToImmutableDictionary(StringComparer.Ordinal).Add(CaseBatch.Verb, CaseBatch.Run);
if (ChildServer.Serve(args, verbs) is { } served) return served;
if (args.Length > 2 || args.Any(a => !int.TryParse(a, out var number) || number < 0))
{
    Console.Error.WriteLine("usage: OnnxMka.Fuzzer [CASES [FIRST_SEED]]");
    return 2;
}

var run = new FuzzRun(args.Length > 1 ? int.Parse(args[1]) : 0, args.Length > 0 ? int.Parse(args[0]) : 20_000);
using var cancel = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    cancel.Cancel();
};
try
{
    return FuzzReport.Write(Console.Out, run.Run(cancel.Token)) ? 0 : 1;
}
catch (OperationCanceledException)
{
    return 130;
}
