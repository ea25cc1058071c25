using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using OnnxMka.Json;

namespace OnnxMka.Isolation;

/// <summary>The child's side of <see cref="ChildProbe"/>: answers one probe and ends.</summary>
internal static class ChildServer
{
    /// <summary>First argument of a child, which no command and no file is called.</summary>
    internal const string Word = "--onnx-mka-child";

    /// <summary>Stands before the answer: libraries may print before it.</summary>
    private const string Mark = "\n--onnx-mka-answer--\n";

    private const int Done = 0;
    private const int Bug = 1;
    private const int Refused = 3;
    private const int LongestErrors = 4096;

    /// <summary>
    /// The exit code where this process was started as a child; null where it was not, and the arguments are the program's own.
    /// </summary>
    internal static int? Serve(string[] arguments, IReadOnlyDictionary<string, Func<IReadOnlyList<string>, string>> verbs)
    {
        if (arguments is not [Word, var verb, .. var rest]) return null;
        CoreDumps.Forbid();
        EndWithParent();
        // The parent decides what Ctrl-C means; it ends its children.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => signal.Cancel = true);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal => signal.Cancel = true);
        var (code, text) = Answer(() => verbs[verb](rest));
        using var output = Console.OpenStandardOutput();
        output.Write(Encoding.UTF8.GetBytes(Mark + text));
        return code;
    }

    /// <summary>What the parent makes of a child's end.</summary>
    internal static ChildOutcome Outcome(int exitCode, string output, string errors)
    {
        var start = output.LastIndexOf(Mark, StringComparison.Ordinal);
        var text = start < 0 ? null : output[(start + Mark.Length)..];
        return (exitCode, text) switch
        {
            (Done, not null) => ChildOutcome.Answer(text),
            (Refused, not null) => throw new RefusedException(JsonSerializer.Deserialize<Refusal>(text, JsonForm.Line)!),
            (Bug, not null) => throw new InvalidOperationException($"A child process failed: {text}"),
            _ => ChildOutcome.Death(exitCode, errors.Length > LongestErrors ? errors[^LongestErrors..] : errors),
        };
    }

    private static (int Code, string Text) Answer(Func<string> probe)
    {
        try
        {
            return (Done, probe());
        }
        catch (RefusedException e)
        {
            return (Refused, JsonSerializer.Serialize(e.Refusal, JsonForm.Line));
        }
        catch (Exception e) // carried over and thrown there
        {
            return (Bug, e.ToString());
        }
    }

    /// <summary>Standard input ends when the parent does; work in native code is not waited for.</summary>
    private static void EndWithParent()
    {
        var watch = new Thread(() =>
        {
            using var input = Console.OpenStandardInput();
            while (input.ReadByte() >= 0)
            {
            }

            using var self = Process.GetCurrentProcess();
            self.Kill();
        })
        {
            IsBackground = true,
        };
        watch.Start();
    }
}
