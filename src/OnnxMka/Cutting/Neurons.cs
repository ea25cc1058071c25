using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Matching;
using OnnxMka.Numerics;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Structure;

namespace OnnxMka.Cutting;

/// <summary>
/// The neurons of a unit's MLP, some of which may go:
/// <code>
/// x -> gate, up [in, w] -> (vectors, activation) -> f [w] -> down [w, out]        keeping k of w: [in, k], [k], [k, out]
/// </code>
/// What stands between may work on single columns only, or move them by numbers that follow from that of neurons. That a layout is right is
/// proven by running it: without neurons whose rows of the down projection are zero the unit computes the same.
/// </summary>
internal sealed class Neurons
{
    private readonly CompensatedModel _model;
    private readonly Block _block;
    private readonly InnerUnits _units;
    private readonly PackedLayout _layout;
    private readonly NeuronPath _path;

    private Neurons(CompensatedModel model, Block block, InnerUnits units, PackedLayout layout, NeuronPath path)
    {
        _model = model;
        _block = block;
        _units = units;
        _layout = layout;
        _path = path;
    }

    /// <summary>Neurons that there are.</summary>
    public int Count => _units.Count;

    /// <summary>Elements of all matrices that one neuron takes.</summary>
    public long Elements => _units.Outer.Outputs + _units.Inner.Sum(w => (long)w.Inputs * w.Outputs / Count);

    /// <summary>f, rows of <see cref="Count"/>.</summary>
    public string Features => _units.Features;

    /// <summary>The down projection.</summary>
    public LinearWeight Down => _units.Outer;

    /// <summary>Gate and up, or up alone.</summary>
    public ImmutableArray<LinearWeight> Inner => _units.Inner;

    /// <summary>True where biases or scales stand between its matrices.</summary>
    public bool HasVectors => !_units.Vectors.IsEmpty;

    /// <summary>The down projection as it is, [neurons, out].</summary>
    public double[] DownWeight() => _model.Weight(Down.Parameter, Down.Transposed, Down.Inputs, Down.Outputs);

    /// <summary>True for a matrix of the MLP, which loses neurons rather than rank.</summary>
    public bool Has(Site site) => site.Parameter == Down.Parameter || Inner.Any(w => w.Parameter == site.Parameter);

    /// <summary>The neurons of a unit as it stands, or why none of them can go.</summary>
    /// <param name="sample">The unit's input for the proof: a few windows.</param>
    public static (Neurons? Found, string? Obstacle) Of(
        CompensatedModel model, int place, BlockChain chain, SeamActivations sample, CancellationToken ct)
    {
        var block = model.Map.Blocks[place];
        InnerUnits units;
        try
        {
            units = InnerUnits.Of(model.Map, model.View, block, AlignUnits.Mlp);
        }
        catch (RefusedException e)
        {
            return (null, e.Refusal.What);
        }

        var path = NeuronPath.Of(model, block, units);
        if (path.Obstacle is { } between) return (null, between);
        var packed = units.Inner.Any(w => w.Outputs != units.Count);
        var least = double.PositiveInfinity;
        foreach (var layout in packed ? Enum.GetValues<PackedLayout>() : [PackedLayout.Sections])
        {
            var neurons = new Neurons(model, block, units, layout, path);
            try
            {
                var (error, allowed) = neurons.Difference(place, chain, sample, ct);
                if (error <= allowed) return (neurons, null);
                least = Math.Min(least, error);
            }
            catch (Exception e) when (e is RefusedException or InvalidOperationException)
            {
                return (null, $"the MLP cannot be run with fewer neurons: {e.Message.Split('\n')[0]}");
            }
        }

        return (null, $"without neurons that write nothing the MLP computes something else (by {least:0.0e+0} of what it adds)");
    }

    /// <summary>The unit with those neurons alone.</summary>
    /// <param name="kept">Ascending.</param>
    /// <param name="down">[kept, out] in place of the kept rows; null for those as they are.</param>
    public NarrowForm Keeping(int[] kept, double[]? down)
    {
        var revisions = ImmutableArray.CreateBuilder<Revision>();
        foreach (var (parameter, axis, from) in _units.Places(_model.Map, _block, _layout, [.. kept]))
        {
            if (parameter == Down.Parameter && down is not null)
                revisions.Add(Weights.Revised(_model.Map, Down, down, kept.Length, Down.Outputs));
            else revisions.Add(Weights.Selected(_model, parameter, axis, from));
        }

        return new NarrowForm(revisions.ToImmutable(), _path.Edits(_model.Map, Count, kept.Length));
    }

    /// <summary>Of the unit without every second neuron, and of the same with zeros in their rows of the down projection.</summary>
    private (double Error, double Allowed) Difference(int place, BlockChain chain, SeamActivations sample, CancellationToken ct)
    {
        int[] kept = [.. Enumerable.Range(0, Count).Where(i => i % 2 == 0)];
        var down = DownWeight();
        for (var i = 1; i < Count; i += 2) down.AsSpan(i * Down.Outputs, Down.Outputs).Clear();
        var silent = _model.With([Weights.Revised(_model.Map, Down, down, Count, Down.Outputs)], new EditScript()).Model;
        var form = Keeping(kept, null);
        var narrow = _model.With(form.Revisions, form.Nodes).Model;
        return UnitProof.Difference(chain, _model.Part(silent, place), _model.Part(narrow, place), sample, ct);
    }
}
