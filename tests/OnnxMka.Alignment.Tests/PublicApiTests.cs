namespace OnnxMka.Alignment.Tests;

public sealed class PublicApiTests
{
    [Fact]
    public void TheseTypesArePublicAndNoOthers() => Assert.Equal(
        [
            "AlignmentOptions",
            "CpuScoringKernels",
            "IScoringKernels",
            "ScoringDeviceException",
        ],
        typeof(SampleMatrix).Assembly.GetExportedTypes().Select(type => type.Name).Order(StringComparer.Ordinal));

    [Fact]
    public void EveryPublicClassIsSealed() =>
        Assert.All(typeof(SampleMatrix).Assembly.GetExportedTypes(), type => Assert.True(type.IsSealed || type.IsInterface, type.Name));
}
