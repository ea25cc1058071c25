using System.Runtime.InteropServices;
using System.Text;
using OnnxMka.Outcomes;

namespace OnnxMka.Cli;

/// <summary>
/// Standard output and error as a caller may leave them: closed, full, or gone. What goes to stderr is then lost, and the exit code still
/// tells how the run ended; what goes to stdout is an error.
/// </summary>
internal static partial class StandardStreams
{
    private const int Output = 1;
    private const int Error = 2;
    private const int GetFlags = 1; // F_GETFD

    /// <summary>Before anything is printed.</summary>
    public static void Guard()
    {
        if (!IsOpen(Output)) Console.SetOut(new Closed());
        Console.SetError(IsOpen(Error) ? new Lossy(Console.Error) : TextWriter.Null);
    }

    /// <summary>Prints what a command is for. Throws <see cref="OutputException"/> where it cannot be printed.</summary>
    public static void Print(Action print)
    {
        try
        {
            print();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            throw new OutputException($"Cannot write to standard output: {e.Message.TrimEnd('.')}.", e);
        }
    }

    /// <summary>
    /// A descriptor that was closed at the start is a number that .NET has given to a pipe of its own since, which must not be written to.
    /// Those are closed when another program is executed, and what came from a caller is not.
    /// </summary>
    private static bool IsOpen(int descriptor) => OperatingSystem.IsWindows() || Control(descriptor, GetFlags) == 0;

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int descriptor, int command);

    private sealed class Closed : TextWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => throw new IOException("It is closed");
    }

    private sealed class Lossy(TextWriter inner) : TextWriter
    {
        public override Encoding Encoding => inner.Encoding;

        public override void Write(char value) => Try(() => inner.Write(value));

        public override void Write(string? value) => Try(() => inner.Write(value));

        public override void WriteLine(string? value) => Try(() => inner.WriteLine(value));

        private static void Try(Action write)
        {
            try
            {
                write();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
            {
                // There is nobody left to tell.
            }
        }
    }
}
