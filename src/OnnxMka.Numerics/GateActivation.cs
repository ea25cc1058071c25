using MathNet.Numerics;

namespace OnnxMka.Numerics;

/// <summary>What a gate does to a number, and the slope of it.</summary>
internal sealed record GateActivation(Func<double, double> Value, Func<double, double> Slope)
{
    private const double TanhScale = 0.7978845608028654; // root of 2 / pi
    private const double TanhCube = 0.044715;

    public static readonly GateActivation Silu = new(
        a => a * Sigmoid(a),
        a => Sigmoid(a) is var s ? s * (1 + (a * (1 - s))) : 0);

    /// <summary>By the error function.</summary>
    public static readonly GateActivation Gelu = new(
        a => a * Normal(a),
        a => Normal(a) + (a * Math.Exp(-a * a / 2) / Math.Sqrt(2 * Math.PI)));

    /// <summary>The other form of it, by a hyperbolic tangent.</summary>
    public static readonly GateActivation TanhGelu = new(a => a * (1 + Tanh(a)) / 2, TanhSlope);

    public static readonly GateActivation Relu = new(a => Math.Max(a, 0), a => a > 0 ? 1 : 0);

    private static double Sigmoid(double a) => 1 / (1 + Math.Exp(-a));

    /// <summary>The share of a normal distribution below a.</summary>
    private static double Normal(double a) => SpecialFunctions.Erfc(-a / Math.Sqrt(2)) / 2;

    private static double Tanh(double a) => Math.Tanh(TanhScale * (a + (TanhCube * a * a * a)));

    private static double TanhSlope(double a)
    {
        var t = Tanh(a);
        return (1 + t + (a * (1 - (t * t)) * TanhScale * (1 + (3 * TanhCube * a * a)))) / 2;
    }
}
