using System.Collections.Immutable;
using System.Numerics.Tensors;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Running.Parts;

namespace OnnxMka.Bench;

/// <summary>
/// One unit of a model in a pass: cut out of the graph, on the stream that the changed prefix gives (<see cref="Input"/>), beside the
/// stream that it should leave (<see cref="Goal"/>): the original seam that the next unit expects.
/// </summary>
internal sealed class UnitBench : IDisposable
{
    private readonly CompensatedModel _model;
    private readonly BlockChain _chain;
    private readonly CancellationToken _ct;
    private readonly bool _eachToken;
    private OpenPart? _open;
    private ImmutableArray<string> _taps = [];
    private double? _error;
    private bool _isMeasured;

    public UnitBench(
        int place,
        bool isCut,
        CompensatedModel model,
        BlockChain chain,
        SeamPair input,
        SeamPair goal,
        bool eachToken,
        CancellationToken ct)
    {
        Place = place;
        IsCut = isCut;
        _model = model;
        _chain = chain;
        _eachToken = eachToken;
        _ct = ct;
        Input = input;
        Goal = goal;
    }

    /// <summary>Number in the model.</summary>
    public int Place { get; }

    /// <summary>Number in the input.</summary>
    public required int Unit { get; init; }

    /// <summary>The model with all that was kept so far.</summary>
    public CompensatedModel Model => _model;

    public BlockChain Chain => _chain;

    /// <summary>Ends the job.</summary>
    public CancellationToken Stop => _ct;

    /// <summary>True where units went right behind it.</summary>
    public bool IsCut { get; }

    public SeamPair Input { get; }

    public SeamPair Goal { get; }

    /// <summary>A few windows of the input, to prove something on.</summary>
    public SeamActivations Sample => (Input.HeldOut ?? Input.Fit).Head(2);

    /// <summary>Width of the stream.</summary>
    public int Width => Goal.Fit.Width;

    /// <summary>Tokens that are fitted to.</summary>
    public long Rows => Goal.Fit.Set.TokenCount;

    /// <summary>Element type of the stream.</summary>
    public ElementType Type => Goal.Fit.Type;

    /// <summary>Weights that write to the stream in running order, and what ended the branches that have none.</summary>
    public (ImmutableArray<ResidualWriter> Writers, ImmutableArray<string> Obstacles) Writers => _model.Writers(Place);

    /// <summary>The weight as it is now, [in, out].</summary>
    public double[] Weight(ResidualWriter writer) => _model.Weight(writer);

    /// <summary>
    /// Runs the unit over the text that is fitted to, sample by sample: what it leaves, what it should leave, and a tapped value.
    /// </summary>
    /// <param name="tap">Value inside the unit; null for none.</param>
    public void Observe(string? tap, RowsConsumer consumer)
    {
        if (tap is not null && !_taps.Contains(tap))
            Close([.. Writers.Writers.Select(w => w.Features).Append(tap).Distinct(StringComparer.Ordinal)]);
        StreamRows.Each(Opened(), tap is null ? null : _taps.IndexOf(tap), Input.Fit, Goal.Fit, consumer, _ct);
    }

    /// <summary>goal - left.</summary>
    public static float[] Residual(ReadOnlySpan<float> goal, ReadOnlySpan<float> left)
    {
        var residual = new float[goal.Length];
        TensorPrimitives.Subtract(goal, left, residual);
        return residual;
    }

    /// <summary>Held-out error of what the unit leaves as it is now; null where nothing is held out.</summary>
    public double? Error()
    {
        if (!_isMeasured) (_error, _isMeasured) = (Measure(Opened(), null), true);
        return _error;
    }

    /// <summary>Keeps a change, whatever it does to the error.</summary>
    public void Change(UnitEdit edit)
    {
        _model.Keep(Trial(edit));
        Close(_taps);
        _isMeasured = false;
    }

    /// <summary>The error with a change, which is kept where it lowers it, or where nothing is held out.</summary>
    public (double? Error, bool Kept) Try(UnitEdit edit)
    {
        var before = Error();
        switch (edit)
        {
            case WeightEdit or FormEdit:
                var trial = Trial(edit);
                Close(_taps); // first: of two at once there is no need, and a change is kept more often than not
                if (Input.HeldOut is null)
                {
                    _model.Keep(trial);
                    return (null, true);
                }

                var changed = Open(trial.Model);
                var error = Measure(changed, null);
                if (!(error < before))
                {
                    changed.Dispose();
                    return (error, false);
                }

                _open = changed;
                _model.Keep(trial);
                return (_error = error, true);

            case SeamEdit e:
                var after = Measure(Opened(), e.Map);
                if (before is not null && !(after < before)) return (after, false);
                _model.Keep(Trial(e));
                Close(_taps);
                return (_error = after, true);

            default: throw new ArgumentException($"no way to make the change {edit.GetType().Name}", nameof(edit));
        }
    }

    private Correction Trial(UnitEdit edit) => edit switch
    {
        WeightEdit e => _model.With(e.Writer, e.Change, e.Shift),
        FormEdit e => _model.With(e.Revisions, e.Nodes),
        SeamEdit e => _model.With(Place, e.Map, Type),
        _ => throw new ArgumentException($"no way to make the change {edit.GetType().Name}", nameof(edit)),
    };

    /// <summary>What the unit leaves as it is now, over all text.</summary>
    public SeamPair Moved()
    {
        var fit = Opened().Run(Input.Fit, null, _ct);
        return new SeamPair(fit, Input.HeldOut is { } held ? Opened().Run(held, null, _ct) : null);
    }

    public void Dispose() => Close(_taps);

    /// <summary>The unit as it is now: loaded once, until it changes.</summary>
    private OpenPart Opened() => _open ??= Open(_model.Model);

    private OpenPart Open(OnnxModel model) => _chain.Open(_model.Part(model, Place).Tapping([.. _taps]), Input.Fit, _ct);

    private void Close(ImmutableArray<string> taps)
    {
        _open?.Dispose();
        (_open, _taps) = (null, taps);
    }

    private double? Measure(OpenPart part, SeamMap? map) => Input.HeldOut is null
        ? null
        : StreamRows.Error(part, Input.HeldOut, Goal.HeldOut!, map, _ct, _eachToken);
}
