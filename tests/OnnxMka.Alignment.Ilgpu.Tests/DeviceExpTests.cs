namespace OnnxMka.Alignment.Ilgpu.Tests;

public sealed class DeviceExpTests
{
    private const double Rounding = 1.2e-16; // 2^-53

    // 2.5 * 2^-53 of its own, and Math.Exp within 2^-52.
    private const double Tolerance = 4.5 * Rounding;

    [Fact]
    public void AgreesWithMathExp() => Assert.InRange(WorstError(DeviceExp.Of), 0, Tolerance);

    [Fact]
    public void AnErrorInTheFifteenthDigitIsNoticed() => Assert.True(WorstError(x => DeviceExp.Of(x) * (1 + 1e-15)) > Tolerance);

    [Theory]
    [InlineData(0, 1)]
    [InlineData(-745.2, 0)]
    [InlineData(-1e300, 0)]
    [InlineData(double.NegativeInfinity, 0)]
    public void ItsEndsAreExact(double x, double expected) => Assert.Equal(expected, DeviceExp.Of(x));

    [Fact]
    public void SubnormalResultsAreWithinTheirLastBit()
    {
        for (var x = -745.1; x < -708; x += 0.01)
            Assert.InRange(Math.Abs(DeviceExp.Of(x) - Math.Exp(x)), 0, double.Epsilon + (Tolerance * Math.Exp(x)));
    }

    private static double WorstError(Func<double, double> exp)
    {
        double worst = 0;
        for (var i = 0; i < 700_000; i++)
        {
            var x = -i * 0.001013;
            worst = Math.Max(worst, Math.Abs((exp(x) / Math.Exp(x)) - 1));
            if (x < -707) break;
        }

        return worst;
    }
}
