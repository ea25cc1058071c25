using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Matching;
using OnnxMka.Numerics;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Structure;

namespace OnnxMka.Cutting;

/// <summary>
/// The value heads of a unit's attention, which can be narrower without any node more (LoRC, arXiv 2410.03111, its value side):
/// <code>
/// x Wv -> cache -> weights times values -> f Wo         Wv [in, kv d], Wo [heads d, out]
/// x Wv A -> cache -> ...                -> f A Wo'      each KV head its own A [d, r]; each query head its own rows B [r, out] of Wo'
/// </code>
/// That a graph does nothing else with them is proven by running it: without columns that the output projection has zeros for, which are
/// others in every KV head, the unit computes the same.
/// </summary>
internal sealed class ValueHeads
{
    private readonly CompensatedModel _model;
    private readonly ValueLane _lane;
    private readonly ImmutableArray<KvShape> _shapes;

    private ValueHeads(CompensatedModel model, LinearWeight outer, string features, ValueLane lane, ImmutableArray<KvShape> shapes)
    {
        _model = model;
        Outer = outer;
        Features = features;
        _lane = lane;
        _shapes = shapes;
    }

    /// <summary>The output projection.</summary>
    public LinearWeight Outer { get; }

    /// <summary>The value projection.</summary>
    public LinearWeight Values => _lane.Projections[0];

    /// <summary>What the output projection multiplies, rows of all query heads side by side.</summary>
    public string Features { get; }

    /// <summary>Size of a value head.</summary>
    public int Size => _shapes[0].Size;

    /// <summary>Bytes of the values of one token.</summary>
    public long TokenBytes => _shapes.Sum(s => s.TokenBytes);

    /// <summary>Heads in the cache.</summary>
    public int Groups => _shapes.Sum(s => s.Heads);

    /// <summary>Query heads.</summary>
    public int Count => Outer.Inputs / Size;

    /// <summary>The value heads of a unit, or why they cannot be narrower. Nothing is run.</summary>
    public static (ValueHeads? Found, string? Obstacle) Of(CompensatedModel model, int place)
    {
        var block = model.Map.Blocks[place];
        if (UnitWalk.All(model.Map, model.View, block).Where(w => w.IsAttention).ToArray() is not [var walk])
            return (null, "it has not one output projection of attention in plain float weights");
        using var numbers = new SmallConstants(model.View.Index);
        var lane = ValueLane.Of(model.Map, model.View, block, walk.Outer, walk.Features, numbers);
        if (lane.Obstacle is { } obstacle) return (null, obstacle);
        if (lane.Projections.Length != 1) return (null, $"its values come from {lane.Projections.Length} projections in plain float weights");
        if (lane.Pasts.IsEmpty || lane.Pasts.Length != lane.Presents.Length) return (null, "its values are in no cache of their own");
        if (lane.Pasts.Select(p => KvShape.Of(model.Map.Model.Graph, p)).ToArray() is var shapes && shapes.Any(s => s is null))
            return (null, $"{lane.Pasts[0]} does not say how many heads of which size it has, or is no float tensor");
        var heads = new ValueHeads(model, walk.Outer, walk.Features, lane, [.. shapes.Select(s => s!)]);
        if (heads._shapes.Select(s => s.Size).Distinct().Count() > 1) return (null, "its value heads have different sizes");
        if (heads.Values.Outputs != heads.Groups * heads.Size || heads.Outer.Inputs % (heads.Groups * heads.Size) != 0)
        {
            return (
                null,
                $"its projections have {heads.Values.Outputs} and {heads.Outer.Inputs} columns, which are not those of {heads.Groups} heads "
                    + $"of {heads.Size}");
        }

        return lane.Biases.FirstOrDefault(b => !heads.IsBias(model.Map.Tensor(b.Initializer))) is { } other
            ? (null, $"{other.Role} is no bias of its value projection")
            : (heads, null);
    }

    /// <summary>Why the unit computes something else with narrower heads; null where it does not.</summary>
    /// <param name="sample">The unit's input: a few windows.</param>
    public string? Disproof(int place, BlockChain chain, SeamActivations sample, CancellationToken ct)
    {
        if (Size < 2) return "its value heads have one column";
        var narrow = Size / 2;
        var outer = OuterWeight();
        for (var head = 0; head < Count; head++)
        {
            var kept = Kept(head * Groups / Count, narrow);
            for (var i = 0; i < Size; i++)
            {
                if (!kept.Contains(i)) outer.AsSpan(((head * Size) + i) * Outer.Outputs, Outer.Outputs).Clear();
            }
        }

        var silent = _model.With([Weights.Revised(_model.Map, Outer, outer, Outer.Inputs, Outer.Outputs)], new EditScript()).Model;
        try
        {
            var form = Form(narrow, [.. Enumerable.Range(0, Groups).Select(g => Selection(g, narrow))]);
            var changed = _model.With(form.Revisions, form.Nodes).Model;
            var (error, allowed) = UnitProof.Difference(chain, _model.Part(silent, place), _model.Part(changed, place), sample, ct);
            return error <= allowed
                ? null
                : $"without value columns that write nothing it computes something else (by {error:0.0e+0} of what it adds)";
        }
        catch (Exception e) when (e is RefusedException or InvalidOperationException)
        {
            return $"it cannot be run with narrower values: {e.Message.Split('\n')[0]}";
        }
    }

    /// <summary>Value heads of that size, chosen by what reaches the output.</summary>
    /// <param name="gram">Of the features, [heads d, heads d].</param>
    public FormOfHeads Narrowed(double[] gram, int size)
    {
        var (outer, share, width) = (OuterWeight(), Count / Groups, Outer.Inputs);
        return Form(size, [.. Enumerable.Range(0, Groups).Select(Fold)]);

        HeadFold Fold(int group)
        {
            var (sum, side) = (new double[Size * Size], new double[Size * share * Outer.Outputs]);
            for (var q = 0; q < share; q++)
            {
                var first = ((group * share) + q) * Size;
                for (var i = 0; i < Size; i++)
                {
                    for (var j = 0; j < Size; j++) sum[(i * Size) + j] += gram[((first + i) * width) + first + j];
                    outer.AsSpan((first + i) * Outer.Outputs, Outer.Outputs).CopyTo(side.AsSpan(((i * share) + q) * Outer.Outputs));
                }
            }

            var (left, right) = WideTruncation.Of(sum, side, Size, share * Outer.Outputs, size);
            return new HeadFold(left, right);
        }
    }

    private bool IsBias(TensorRef tensor) =>
        tensor.ElementCount == Values.Outputs && tensor.Shape.Contains(tensor.ElementCount) && tensor.Type.IsMergeable();

    private double[] OuterWeight() => _model.Weight(Outer.Parameter, Outer.Transposed, Outer.Inputs, Outer.Outputs);

    /// <summary>Every second column, from another one on in every second head.</summary>
    private int[] Kept(int group, int narrow) => [.. Enumerable.Range(0, narrow).Select(i => (2 * i) + (group % 2))];

    private HeadFold Selection(int group, int narrow)
    {
        var (share, outputs, kept) = (Count / Groups, Outer.Outputs, Kept(group, narrow));
        var (outer, left, right) = (OuterWeight(), new double[Size * narrow], new double[narrow * share * outputs]);
        for (var k = 0; k < narrow; k++)
        {
            left[(kept[k] * narrow) + k] = 1;
            for (var q = 0; q < share; q++)
            {
                outer.AsSpan(((((group * share) + q) * Size) + kept[k]) * outputs, outputs)
                    .CopyTo(right.AsSpan(((k * share) + q) * outputs));
            }
        }

        return new HeadFold(left, right);
    }

    private FormOfHeads Form(int size, ImmutableArray<HeadFold> folds)
    {
        var (share, outputs, inputs) = (Count / Groups, Outer.Outputs, Values.Inputs);
        var outer = new double[Count * size * outputs];
        for (var head = 0; head < Count; head++)
        {
            for (var i = 0; i < size; i++)
            {
                folds[head / share].Right.AsSpan(((i * share) + (head % share)) * outputs, outputs)
                    .CopyTo(outer.AsSpan(((head * size) + i) * outputs));
            }
        }

        var revisions = ImmutableArray.CreateBuilder<Revision>();
        revisions.Add(Weights.Revised(_model.Map, Outer, outer, Count * size, outputs));
        var values = Folded(_model.Weight(Values.Parameter, Values.Transposed, inputs, Values.Outputs), inputs, size, folds);
        revisions.Add(Weights.Revised(_model.Map, Values, values, inputs, Groups * size));
        foreach (var bias in _lane.Biases)
        {
            var tensor = _model.Stored(bias);
            var row = Folded(_model.Weight(bias, false, 1, Values.Outputs), 1, size, folds);
            var shape = tensor.Shape.SetItem(tensor.Shape.IndexOf(tensor.ElementCount), row.Length);
            revisions.Add(new Revision(bias, shape, Weights.Encoded(tensor.Type, row)));
        }

        return new FormOfHeads(revisions.ToImmutable(), HeadSizes.Edits(_model, _lane, Outer.Inputs, Size, size));
    }

    /// <summary>Columns of each KV head times its A.</summary>
    private double[] Folded(double[] columns, int rows, int size, ImmutableArray<HeadFold> folds)
    {
        var folded = new double[rows * Groups * size];
        for (var group = 0; group < Groups; group++)
        {
            var own = new double[rows * Size];
            for (var r = 0; r < rows; r++) columns.AsSpan((r * Groups * Size) + (group * Size), Size).CopyTo(own.AsSpan(r * Size));
            var product = Dense.Multiply(own, folds[group].Left, rows, Size, size);
            for (var r = 0; r < rows; r++) product.AsSpan(r * size, size).CopyTo(folded.AsSpan((r * Groups * size) + (group * size)));
        }

        return folded;
    }
}

/// <summary>What narrower value heads ask of a model.</summary>
internal sealed record FormOfHeads(ImmutableArray<Revision> Revisions, EditScript Nodes);

/// <summary>A value head in fewer columns.</summary>
/// <param name="Left">A [d, r].</param>
/// <param name="Right">B [r, query heads that share it * out].</param>
internal sealed record HeadFold(double[] Left, double[] Right);
