using OnnxMka.Compensation;
using OnnxMka.Cutting;
using OnnxMka.Graph;
using OnnxMka.Numerics;
using OnnxMka.Running.Parts;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Cutting;

/// <summary>What is taken for gate, up and down projection, against what ONNX Runtime computes with them.</summary>
public sealed class GatedUnitTests
{
    /// <summary>
    /// A unit's output less its input is what the formula gives: sums of 352 products in float32, some 1e-6 of their size; gate and up
    /// exchanged give another thing.
    /// </summary>
    [Fact]
    public void The_formula_is_the_unit()
    {
        var map = BlockDetector.Detect(Books16.Map.Model, Granularity.Sublayer);
        var chain = Compensation.CompensationFixture.Chain(map);
        using var seams = OriginalSeams.Of(chain, Compensation.CompensationFixture.Windows(0, 2));
        using var scratch = new ScratchFile();
        var model = new CompensatedModel(map, scratch);
        var (neurons, obstacle) = Neurons.Of(model, 3, chain, seams[2], default);
        Assert.Null(obstacle);
        Assert.Equal(352, neurons!.Count);
        var mlp = GatedUnit.Of(model, neurons)!;
        var (inputs, added) = (new List<float>(), new List<float>());
        var before = new float[128 * 128];
        var sample = 0;
        StreamRows.Each(chain, BlockPart.Of(map.Model, map, 3).Tapping(mlp.Input), seams[2], seams[3], (y, _, h) =>
        {
            seams[2].ReadFloats(sample++, before);
            inputs.AddRange(h.ToArray());
            added.AddRange(y.ToArray().Zip(before, (a, b) => a - b));
        }, default);
        var weights = mlp.Weights();
        Assert.InRange(Difference(weights), 0, 1e-5);
        Assert.InRange(Difference(weights with { Gate = weights.Up, Up = weights.Gate }), 1e-2, double.MaxValue);

        double Difference(GatedMlp w)
        {
            var outputs = new MlpTangent([.. inputs], w, mlp.Hidden, mlp.Activation).Outputs();
            var error = outputs.Zip(added, (a, b) => (a - b) * (a - b)).Sum();
            return Math.Sqrt(error / added.Sum(a => (double)a * a));
        }
    }
}
