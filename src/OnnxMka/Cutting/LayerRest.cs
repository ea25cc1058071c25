using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Running.Parts;

namespace OnnxMka.Cutting;

/// <summary>Runs a layer from one of its units to its end, with the unit changed or left out, and compares what it leaves.</summary>
/// <param name="unit">The unit that is changed.</param>
/// <param name="last">The layer's last.</param>
/// <param name="input">What the unit takes.</param>
/// <param name="goal">What the layer leaves as it is.</param>
internal sealed class LayerRest(
    CompensatedModel model, BlockChain chain, int unit, int last, SeamActivations input, SeamActivations goal, CancellationToken ct)
    : IDisposable
{
    private readonly List<OpenPart> _behind = [];

    /// <summary><c>|y' - y|^2 / |y|^2</c> with the unit as a model has it.</summary>
    public double ErrorWith(OnnxModel changed)
    {
        using var part = chain.Open(model.Part(changed, unit), input, ct);
        using var left = part.Run(input, null, ct);
        return ErrorOf(left);
    }

    /// <summary>The same without the unit.</summary>
    public double ErrorWithout() => ErrorOf(input);

    public void Dispose()
    {
        foreach (var part in _behind) part.Dispose();
    }

    private double ErrorOf(SeamActivations stream)
    {
        for (var next = unit + 1 + _behind.Count; next <= last; next++) _behind.Add(chain.Open(model.Part(model.Model, next), input, ct));
        var (current, owned) = (stream, (SeamActivations?)null);
        try
        {
            foreach (var part in _behind)
            {
                current = part.Run(current, null, ct);
                owned?.Dispose();
                owned = current;
            }

            return Difference(current, goal);
        }
        finally
        {
            owned?.Dispose();
        }
    }

    /// <summary><c>|y' - y|^2 / |y|^2</c> of two streams.</summary>
    public static double Difference(SeamActivations left, SeamActivations goal)
    {
        var (y, t) = (new float[goal.Set.Length * goal.Width], new float[goal.Set.Length * goal.Width]);
        double difference = 0, norm = 0;
        for (var sample = 0; sample < goal.Set.Count; sample++)
        {
            left.ReadFloats(sample, y);
            goal.ReadFloats(sample, t);
            for (var i = 0; i < t.Length; i++)
            {
                difference += ((double)y[i] - t[i]) * ((double)y[i] - t[i]);
                norm += (double)t[i] * t[i];
            }
        }

        return norm > 0 ? difference / norm : double.NaN;
    }
}
