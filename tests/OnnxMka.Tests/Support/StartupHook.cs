using Microsoft.ML.OnnxRuntime;

/// <summary>
/// What .NET calls in a command before its own code where <c>DOTNET_STARTUP_HOOKS</c> names this assembly. It brings ONNX Runtime's
/// environment up as it is by default: what the tool must be earlier than.
/// </summary>
#pragma warning disable MA0047 // the name that .NET looks for has no namespace
internal static class StartupHook
#pragma warning restore MA0047
{
    public static void Initialize() => OrtEnv.Instance();
}
