using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
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
    private readonly ImmutableArray<BlockParameter> _biases;
    private readonly ImmutableArray<KvShape> _shapes;
    private readonly Func<int, EditScript> _nodes;

    /// <param name="shapes">Of the ports that values come by: one, or one a head.</param>
    /// <param name="nodes">What another size asks of nodes and ports.</param>
    public ValueHeads(
        CompensatedModel model,
        (LinearWeight Weight, string Features) outer,
        (LinearWeight Weight, ImmutableArray<BlockParameter> Biases) values,
        ImmutableArray<KvShape> shapes,
        Func<int, EditScript> nodes)
    {
        _model = model;
        (Outer, Features) = outer;
        (Values, _biases) = values;
        _shapes = shapes;
        _nodes = nodes;
    }

    /// <summary>The output projection.</summary>
    public LinearWeight Outer { get; }

    /// <summary>The value projection.</summary>
    public LinearWeight Values { get; }

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
        if (lane.Projections.Length != 1)
            return (null, $"its values come from {lane.Projections.Length} projections in plain float weights");
        if (lane.Pasts.IsEmpty || lane.Pasts.Length != lane.Presents.Length) return (null, "its values are in no cache of their own");
        if (lane.Pasts.Select(p => KvShape.Of(model.Map.Model.Graph, p)).ToArray() is var shapes && shapes.Any(s => s is null))
            return (null, $"{lane.Pasts[0]} does not say how many heads of which size it has, or is no float tensor");
        var size = shapes[0]!.Size;
        var heads = new ValueHeads(
            model,
            (walk.Outer, walk.Features),
            (lane.Projections[0], lane.Biases),
            [.. shapes.Select(s => s!)],
            narrow => HeadSizes.Edits(model, lane, walk.Outer.Inputs, size, narrow));
        return heads.Flaw is { } flaw ? (null, flaw) : (heads, null);
    }

    /// <summary>Why its matrices are not those of its heads; null where they are.</summary>
    public string? Flaw
    {
        get
        {
            if (_shapes.Select(s => s.Size).Distinct().Count() > 1) return "its value heads have different sizes";
            if (Values.Outputs != Groups * Size || Outer.Inputs % (Groups * Size) != 0)
                return $"its projections have {Values.Outputs} and {Outer.Inputs} columns, which are not those of {Groups} heads of {Size}";
            return _biases.FirstOrDefault(b => !IsBias(_model.Map.Tensor(b.Initializer))) is { } other
                ? $"{other.Role} is no bias of its value projection"
                : null;
        }
    }

    /// <summary>Why the unit computes something else with heads of that size; null where it does not.</summary>
    /// <param name="sample">The unit's input: a few windows.</param>
    public string? Disproof(int place, int size, BlockChain chain, SeamActivations sample, CancellationToken ct) =>
        HeadProof.Disproof(_model, place, chain, sample, [Silent(size)], () => Selected(size), ct);

    /// <summary>The output projection with zeros for the columns that <see cref="Selected"/> leaves out.</summary>
    public Revision Silent(int size)
    {
        var outer = OuterWeight();
        for (var head = 0; head < Count; head++)
        {
            var kept = Kept(head * Groups / Count, size);
            for (var i = 0; i < Size; i++)
            {
                if (!kept.Contains(i)) outer.AsSpan(((head * Size) + i) * Outer.Outputs, Outer.Outputs).Clear();
            }
        }

        return Weights.Revised(_model.Map, Outer, outer, Outer.Inputs, Outer.Outputs);
    }

    /// <summary>Columns as they are, so many of each head and other ones in each.</summary>
    public NarrowForm Selected(int size) => Form(size, [.. Enumerable.Range(0, Groups).Select(g => Selection(g, size))]);

    /// <summary>Value heads of that size, chosen by what reaches the output.</summary>
    /// <param name="gram">Of the features, [heads d, heads d].</param>
    public NarrowForm Narrowed(double[] gram, int size)
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

    private int[] Kept(int group, int size) => [.. Enumerable.Range(0, size).Select(i => (i + group) % Size).Order()];

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

    private NarrowForm Form(int size, ImmutableArray<HeadFold> folds)
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
        foreach (var bias in _biases)
        {
            var tensor = _model.Stored(bias);
            var row = Folded(_model.Weight(bias, false, 1, Values.Outputs), 1, size, folds);
            var shape = tensor.Shape.SetItem(tensor.Shape.IndexOf(tensor.ElementCount), row.Length);
            revisions.Add(new Revision(bias, shape, ParameterEdit.Encoded(tensor.Type, row)));
        }

        return new NarrowForm(revisions.ToImmutable(), _nodes(size));
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

/// <summary>A value head in fewer columns.</summary>
/// <param name="Left">A [d, r].</param>
/// <param name="Right">B [r, query heads that share it * out].</param>
internal sealed record HeadFold(double[] Left, double[] Right);
