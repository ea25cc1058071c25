using System.Runtime.InteropServices;

namespace OnnxMka.Graph;

/// <summary>
/// Gives a file another name in one step, whatever happens: .NET's own move copies where that is refused, and a run that ends meanwhile
/// leaves half a file.
/// </summary>
public static partial class FileRename
{
    /// <summary>Takes the place of what has that name. Throws <see cref="IOException"/>, and then nothing has changed.</summary>
    public static void Over(string from, string to)
    {
        if (OperatingSystem.IsWindows()) File.Move(from, to, overwrite: true);
        else if (Rename(from, to) != 0) throw new IOException($"{to}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
    }

    [LibraryImport("libc", EntryPoint = "rename", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Rename(string from, string to);
}
