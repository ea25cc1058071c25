using System.Collections.Immutable;
using System.Reflection;

namespace OnnxMka.Isolation;

/// <summary>A program that serves probes, and what its arguments begin with.</summary>
internal sealed record ChildProgram(string File, ImmutableArray<string> Before)
{
    /// <summary>Set in the child's environment, beside what it inherits.</summary>
    public ImmutableDictionary<string, string> Environment { get; init; } = [];

    /// <summary>
    /// This program itself, under its own host or under <c>dotnet</c>; null where the program that uses this library does not serve
    /// probes.
    /// </summary>
    public static ChildProgram? Current { get; } = Find();

    private static ChildProgram? Find()
    {
        if (Assembly.GetEntryAssembly() is not { } program
            || !program.IsDefined(typeof(ServesProbesAttribute))
            || System.Environment.ProcessPath is not { } host)
            return null;
        var assembly = Path.Combine(AppContext.BaseDirectory, program.GetName().Name + ".dll");
        return new ChildProgram(
            host, Path.GetFileNameWithoutExtension(host) == "dotnet" ? [assembly, ChildServer.Word] : [ChildServer.Word]);
    }
}
