using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Numerics;
using OnnxMka.Structure;

namespace OnnxMka.Cutting;

/// <summary>
/// A gated MLP without biases as its unit has it: <c>f = activation(h Wg) * (h Wu)</c>, <c>f Wd</c> is added to the stream. Gate and up are
/// matrices of their own, or sections of one.
/// </summary>
/// <param name="Gate">Which inner matrix the gate is of, and its section.</param>
/// <param name="Up">The same of up.</param>
/// <param name="Input">h, the normed stream.</param>
internal sealed record GatedUnit(
    CompensatedModel Model, Neurons Neurons, InnerColumns Gate, InnerColumns Up, GateActivation Activation, string Input)
{
    /// <summary>Width of h.</summary>
    public int Hidden => Gate.Weight.Inputs;

    /// <summary>Null where the unit has no such MLP.</summary>
    public static GatedUnit? Of(CompensatedModel model, Neurons neurons)
    {
        if (neurons.HasVectors || neurons.Inner.Any(w => w.Inputs != neurons.Down.Outputs)) return null;
        var view = model.View;
        if (Producer(neurons.Features) is not { Op: "Mul" } product) return null;
        foreach (var (first, second) in new[] { (0, 1), (1, 0) })
        {
            if (Columns(product.Inputs[second]) is not { } up || Activated(product.Inputs[first]) is not var (value, activation)) continue;
            if (Columns(value) is { } gate && gate != up && InputOf(gate) is { } input && input == InputOf(up))
                return new GatedUnit(model, neurons, gate, up, activation, input);
        }

        return null;

        ViewNode? Producer(string value) => view.Producer(Last(value));

        string? InputOf(InnerColumns columns) =>
            view.Nodes.FirstOrDefault(n => n.Origin.Index == columns.Weight.Parameter.Use.Node)?.Inputs[0];

        InnerColumns? Columns(string value) => Producer(value) switch
        {
            { Op: "Split" } split => Columns(split.Inputs[0]) is { Sections: 1 } whole
                ? whole with { Section = split.Outputs.IndexOf(Last(value)), Sections = split.Outputs.Length }
                : null,
            { } node when neurons.Inner.FirstOrDefault(w => w.Parameter.Use.Node == node.Origin.Index) is { } weight =>
                new InnerColumns(weight, 0, 1),
            _ => null,
        };

        string Last(string value)
        {
            while (view.Producer(value) is { Op: "Identity" } node) value = node.Inputs[0];
            return value;
        }

        (string Value, GateActivation Activation)? Activated(string value) => Producer(value) switch
        {
            { Op: "Mul" } mul when (Gated(mul, 0, 1) ?? Gated(mul, 1, 0)) is { } gate => (gate, GateActivation.Silu),
            { Op: "com.microsoft.QuickGelu" } quick when quick.Origin.Float("alpha", 1.702f) == 1 => (quick.Inputs[0], GateActivation.Silu),
            { Op: "Swish" } swish when swish.Origin.Float("alpha", 1) == 1 => (swish.Inputs[0], GateActivation.Silu),
            { Op: "com.microsoft.Gelu" } gelu => (gelu.Inputs[0], GateActivation.Gelu),
            { Op: "com.microsoft.FastGelu", Inputs.Length: 1 } fast => (fast.Inputs[0], GateActivation.TanhGelu),
            { Op: "Gelu" } gelu => (
                gelu.Inputs[0],
                gelu.Origin.Attributes.TryGetValue("approximate", out var form) && form.Text == "tanh"
                    ? GateActivation.TanhGelu
                    : GateActivation.Gelu),
            { Op: "Relu" } relu => (relu.Inputs[0], GateActivation.Relu),
            _ => null,
        };

        string? Gated(ViewNode mul, int value, int sigmoid) =>
            Producer(mul.Inputs[sigmoid]) is { Op: "Sigmoid" } s && Last(s.Inputs[0]) == Last(mul.Inputs[value]) ? mul.Inputs[value] : null;
    }

    /// <summary>The weights as they are: Gate and Up [hidden, width], Down [width, hidden].</summary>
    public GatedMlp Weights()
    {
        var width = Width;
        return new GatedMlp(
            Read(Gate),
            Read(Up),
            Model.Weight(Neurons.Down.Parameter, Neurons.Down.Transposed, width, Neurons.Down.Outputs));

        double[] Read(InnerColumns columns)
        {
            var total = width * columns.Sections;
            var all = Model.Weight(columns.Weight.Parameter, columns.Weight.Transposed, Hidden, total);
            if (columns.Sections == 1) return all;
            var part = new double[Hidden * width];
            for (var i = 0; i < Hidden; i++) all.AsSpan((i * total) + (columns.Section * width), width).CopyTo(part.AsSpan(i * width));
            return part;
        }
    }

    /// <summary>Neurons that are there now.</summary>
    public int Width => (int)Model.Stored(Neurons.Down.Parameter).Shape[Neurons.Down.Transposed ? 1 : 0];

    /// <summary>The unit with other weights.</summary>
    public ImmutableArray<Revision> With(GatedMlp weights)
    {
        var width = Width;
        var down = Cutting.Weights.Revised(Model.Map, Neurons.Down, weights.Down, width, Neurons.Down.Outputs);
        if (Gate.Weight.Parameter != Up.Weight.Parameter)
            return [Single(Gate, weights.Gate), Single(Up, weights.Up), down];
        var total = width * Gate.Sections;
        var all = Model.Weight(Gate.Weight.Parameter, Gate.Weight.Transposed, Hidden, total);
        for (var i = 0; i < Hidden; i++)
        {
            weights.Gate.AsSpan(i * width, width).CopyTo(all.AsSpan((i * total) + (Gate.Section * width)));
            weights.Up.AsSpan(i * width, width).CopyTo(all.AsSpan((i * total) + (Up.Section * width)));
        }

        return [Cutting.Weights.Revised(Model.Map, Gate.Weight, all, Hidden, total), down];

        Revision Single(InnerColumns columns, double[] values) =>
            Cutting.Weights.Revised(Model.Map, columns.Weight, values, Hidden, width);
    }
}

/// <summary>Columns of an inner matrix: all of it, or one of its sections.</summary>
internal sealed record InnerColumns(LinearWeight Weight, int Section, int Sections);
