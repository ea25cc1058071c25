using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Rewriting;
using OnnxMka.Structure;

namespace OnnxMka.Cutting;

/// <summary>Queries, keys or values on their way into attention: <c>x W (+ bias) (-> rotation)</c>, heads side by side.</summary>
/// <param name="Value">Before the rotation.</param>
/// <param name="Rotary">The node that rotates; null for none.</param>
internal sealed record HeadInput(LinearWeight Weight, ImmutableArray<BlockParameter> Biases, string Value, ViewNode? Rotary)
{
    /// <summary>Tables of cosines and sines by the input at which the rotation has them.</summary>
    public ImmutableArray<int> Tables => Rotary is null ? [] : Rotary.Op == "RotaryEmbedding" ? [1, 2] : [2, 3];

    /// <summary>What enters the operator as <paramref name="value"/>, or what stands in its way.</summary>
    public static (HeadInput? Found, string? Obstacle) Of(BlockMap map, NormalisedView view, Block block, string value)
    {
        ViewNode? rotary = null;
        var biases = ImmutableArray.CreateBuilder<BlockParameter>();
        var start = value;
        while (view.Producer(value) is { } node && block.Nodes.Contains(node.Origin.Index))
        {
            if (LinearWeight.Of(map, block, node) is { } weight)
            {
                if (node.Op == "Gemm" && LinearWeight.ParameterAt(block, node, 2) is { } own) biases.Add(own);
                return (new HeadInput(weight, biases.ToImmutable(), start, rotary), null);
            }

            if (rotary is null && biases.Count == 0 && node.Op is "RotaryEmbedding" or "com.microsoft.RotaryEmbedding")
            {
                if (node.Origin.Int("interleaved", 0) != 0) return (null, $"it rotates neighbours ({node.Origin.Label})");
                if (node.Origin.Int("rotary_embedding_dim", 0) != 0) return (null, $"it rotates a part of each head ({node.Origin.Label})");
                rotary = node;
                start = value = node.Inputs[0];
            }
            else if (node.Op == "Identity")
            {
                value = node.Inputs[0];
            }
            else if (node.Op == "Add" && LinearWeight.ParameterAt(block, node, 0) is { } first)
            {
                biases.Add(first);
                value = node.Inputs[1];
            }
            else if (node.Op == "Add" && LinearWeight.ParameterAt(block, node, 1) is { } second)
            {
                biases.Add(second);
                value = node.Inputs[0];
            }
            else
            {
                return (null, $"{node.Op} stands between projection and attention ({node.Origin.Label})");
            }
        }

        return (null, $"{value} comes from outside its layer");
    }

    /// <summary>Only those columns.</summary>
    public IEnumerable<Revision> Keeping(CompensatedModel model, int[] columns)
    {
        yield return Weights.Selected(model, Weight.Parameter, Weight.Transposed ? 0 : 1, columns);
        foreach (var bias in Biases)
            yield return Weights.Selected(model, bias, model.Stored(bias).Shape.IndexOf(Weight.Outputs), columns);
    }

    /// <summary>Zeros for all other columns.</summary>
    public IEnumerable<Revision> Silent(CompensatedModel model, int[] columns)
    {
        var kept = columns.ToHashSet();
        var weight = model.Weight(Weight.Parameter, Weight.Transposed, Weight.Inputs, Weight.Outputs);
        yield return Weights.Revised(model.Map, Weight, Muted(weight), Weight.Inputs, Weight.Outputs);
        foreach (var bias in Biases)
        {
            var tensor = model.Stored(bias);
            var row = Muted(model.Weight(bias, false, 1, Weight.Outputs));
            yield return new Revision(bias, tensor.Shape, ParameterEdit.Encoded(tensor.Type, row));
        }

        double[] Muted(double[] values)
        {
            for (var i = 0; i < values.Length; i++)
            {
                if (!kept.Contains(i % Weight.Outputs)) values[i] = 0;
            }

            return values;
        }
    }
}
