using System.Numerics.Tensors;

namespace OnnxMka.Numerics;

/// <summary>Weights of <c>(s(h Gate) * (h Up)) Down</c>, or a change of them.</summary>
/// <param name="Gate">[hidden, width]</param>
/// <param name="Up">[hidden, width]</param>
/// <param name="Down">[width, hidden]</param>
internal sealed record GatedMlp(double[] Gate, double[] Up, double[] Down)
{
    public static GatedMlp Zero(int hidden, int width) =>
        new(new double[checked(hidden * width)], new double[checked(hidden * width)], new double[checked(hidden * width)]);

    /// <summary>The sum of all products of one entry each.</summary>
    public double Dot(GatedMlp other) =>
        TensorPrimitives.Dot<double>(Gate, other.Gate) + TensorPrimitives.Dot<double>(Up, other.Up) +
        TensorPrimitives.Dot<double>(Down, other.Down);

    /// <summary>Adds a share of another.</summary>
    public void Add(GatedMlp other, double share)
    {
        TensorPrimitives.MultiplyAdd<double>(other.Gate, share, Gate, Gate);
        TensorPrimitives.MultiplyAdd<double>(other.Up, share, Up, Up);
        TensorPrimitives.MultiplyAdd<double>(other.Down, share, Down, Down);
    }

    /// <summary>Becomes a share of itself, and another.</summary>
    public void Turn(double share, GatedMlp other)
    {
        TensorPrimitives.MultiplyAdd<double>(Gate, share, other.Gate, Gate);
        TensorPrimitives.MultiplyAdd<double>(Up, share, other.Up, Up);
        TensorPrimitives.MultiplyAdd<double>(Down, share, other.Down, Down);
    }

    public void Clear()
    {
        Array.Clear(Gate);
        Array.Clear(Up);
        Array.Clear(Down);
    }
}
