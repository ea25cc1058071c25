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
}
