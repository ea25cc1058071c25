using OnnxMka.Tests.Clients;

namespace OnnxMka.Tests;

/// <summary>A test that looks at the system calls of a run. Skipped, with the reason, where strace is not there or may not trace.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class StraceFactAttribute : FactAttribute
{
    private static readonly Lazy<string?> Problem = new(
        () => Installed.MissingCommand("strace", "-qq true", "apt-get install strace, and permission to trace"));

    public StraceFactAttribute() => Skip = Problem.Value;
}
