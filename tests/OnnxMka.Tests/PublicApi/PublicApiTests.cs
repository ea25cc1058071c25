using System.Reflection;
using PublicApiGenerator;

namespace OnnxMka.Tests.PublicApi;

/// <summary>
/// What others can use of each assembly, as text beside this test. Whoever changes it sees here what users will see; <c>GOLDEN=write</c>
/// writes it anew.
/// </summary>
public sealed class PublicApiTests
{
    private static readonly ApiGeneratorOptions Options = new() { IncludeAssemblyAttributes = false };

    [Theory]
    [InlineData("OnnxMka.Graph")]
    [InlineData("OnnxMka.Numerics")]
    [InlineData("OnnxMka.Alignment")]
    [InlineData("OnnxMka.Alignment.Ilgpu")]
    [InlineData("OnnxMka")]
    [InlineData("onnx-mka")]
    public void Only_this_is_public(string assembly) => Golden.Check(assembly, $"{Assembly.Load(assembly).GeneratePublicApi(Options)}\n");

    /// <summary>
    /// What a program names to compress, sweep and replay, with the records of steps and their choices; and what a step or a selector of
    /// its own is given and gives. Whatever else a new type is for is internal.
    /// </summary>
    [Theory]
    [InlineData("OnnxMka", 82)]
    [InlineData("OnnxMka.Alignment", 4)]
    [InlineData("OnnxMka.Alignment.Ilgpu", 1)]
    public void Few_types_are_public(string assembly, int most)
    {
        var types = Assembly.Load(assembly).GetExportedTypes();
        Assert.True(types.Length <= most, $"{types.Length} types are public, and at most {most} may be");
    }
}
