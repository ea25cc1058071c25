using System.Globalization;
using System.Runtime.Intrinsics;

namespace OnnxMka.Alignment.Tests;

/// <summary>
/// <c>make test-vectors</c> runs this suite again with vectors narrowed by the runtime's own switches, and says in VECTORS how wide they
/// may be at most; this test holds that the switches work. Without VECTORS any width will do.
/// </summary>
public sealed class VectorPathTests
{
    [Fact]
    public void VectorsAreNoWiderThanAskedFor()
    {
        var most = int.Parse(Environment.GetEnvironmentVariable("VECTORS") ?? "512", CultureInfo.InvariantCulture);
        var widest = Vector512.IsHardwareAccelerated
            ? 512
            : Vector256.IsHardwareAccelerated
            ? 256
            : Vector128.IsHardwareAccelerated
            ? 128
            : 0;
        Assert.InRange(widest, 0, most);
    }
}
