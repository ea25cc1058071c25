using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace OnnxMka.Running.Sessions;

/// <summary>
/// What ONNX Runtime tells its maker is off before it could begin: as its environment comes up it reads the machine's id, keeps a device id
/// and a database under the home folder, writes into the temporary folder and resolves the name of a collector.
/// </summary>
internal static partial class Telemetry
{
    /// <summary>Asked for when the environment comes up; the switch of the API can only come after that.</summary>
    private const string Variable = "ORT_DISABLE_TELEMETRY";

    private static readonly Lazy<bool> Switched = new(() =>
    {
        OrtEnv.Instance().DisableTelemetryEvents();
        return true;
    });

    /// <summary>The switch of the API, for what a runtime may have that does not know the variable.</summary>
    public static void Off() => _ = Switched.Value;

    /// <summary>Before anything else of this library runs: its tokenizer brings the environment up as well as a session does.</summary>
    [ModuleInitializer]
    [SuppressMessage(
        "Usage", "CA2255", Justification = "Whoever uses the library: the variable must be set before any call into native code.")]
    internal static void BeforeTheRuntime()
    {
        Environment.SetEnvironmentVariable(Variable, "1");
        // What .NET sets is its own copy: native code on Unix sees the C library's.
        if (OperatingSystem.IsWindows()) return;
        if (SetEnvironment(Variable, "1", 1) != 0) throw new InvalidOperationException($"{Variable} cannot be set");
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
