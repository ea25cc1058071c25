using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Cutting;
using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Jobs;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Running.Tokens;
using OnnxMka.Steps.Cutting;
using OnnxMka.Structure;
using OnnxMka.Tests.Forms;
using Sizes = System.Collections.Immutable.ImmutableSortedDictionary<string, int>;

namespace OnnxMka.Tests.Cutting;

/// <summary>A built model on disk, what its units can lose, and what a cut makes of it.</summary>
internal sealed class CutModel : IDisposable
{
    private const int Rows = 80;

    /// <summary>Of lower rank a router would choose other experts for a rounding's sake.</summary>
    private const int Narrowest = 16;

    private readonly TempFolder _folder = new();
    private readonly DecoderModel _built;
    private readonly byte[] _original;

    /// <param name="disguise">Another way to write the same graph, put over what the builder gave.</param>
    public CutModel(DecoderModel built, Func<byte[], byte[]>? disguise = null)
    {
        _built = built;
        _original = DecoderForge.Build(built);
        if (disguise is not null) _original = disguise(_original);
        File.WriteAllBytes(_folder["model.onnx"], _original);
        try
        {
            Map = BlockDetector.DetectFinest(OnnxModel.Load(_folder["model.onnx"]));
        }
        catch (RefusedException)
        {
            _folder.Dispose(); // nobody gets the model, and so nobody else does it
            throw;
        }

        using var scratch = new ScratchFile();
        var model = new CompensatedModel(Map, scratch);
        Units = [.. Map.Blocks.Select(b => Found(model, b))];
    }

    public BlockMap Map { get; }

    /// <summary>What each unit can lose, and what it cannot: from structure alone.</summary>
    public ImmutableArray<CutUnitForm> Units { get; }

    /// <summary>
    /// Of every kind of units the last, but of attention the last but one where there are two, so that seams inside the model are met: all
    /// that can be cut, to half of its largest size.
    /// </summary>
    public ImmutableSortedDictionary<string, Sizes> Halved => Units.Where(u => !u.Sizes.IsEmpty)
        .GroupBy(u => (u.Block.Kind, u.Block.Half))
        .Select(kind => kind.Key.Half == Halves.Attention && kind.Count() > 1 ? kind.SkipLast(1).Last() : kind.Last())
        .ToImmutableSortedDictionary(u => u.Block.Name, u => u.Sizes, StringComparer.Ordinal);

    /// <summary>
    /// Largest logit difference between what a cut writes and the same factors put back dense, in one run and token by token, with the
    /// tolerance for it; and how far it is from the same without the largest part of its first matrix of lower rank, or with its last
    /// change halved.
    /// </summary>
    public (double Difference, double Tolerance, double Control) Compare(Cut decided)
    {
        using var output = new TempFolder();
        Write(decided, output);
        var logits = new FormLogits(_built);
        var interleaved = _built.Spec.Form.GateUp is GateUpForm.Strided or GateUpForm.PairsGathered;
        var dense = DenseModel.Of(_original, OnnxModel.Load(output["model.onnx"]), _built.Spec.Network.Inner, interleaved);
        using var cut = logits.Open(output["model.onnx"]);
        var expected = Logits(dense.Bytes());
        return (logits.Distance(expected, cut), Tolerance(expected), LogitTolerance.Distance(expected, Logits(dense.Damaged())));

        float[] Logits(byte[] model)
        {
            using var session = logits.Open(model);
            return logits.AtOnce(session);
        }
    }

    /// <summary>Prices of all that the units can lose.</summary>
    public ImmutableArray<UnitPrices> Prices() => OnBench(
        bench => bench.WithSeamsOf(bench.Input, seams => Pricing.Of(Map, bench.Chain(Map), seams, null, default)));

    public void Dispose() => _folder.Dispose();

    /// <summary>
    /// Each matrix of lower rank adds fewer multiply-adds than the dense one has, and putting it back rounds it once more: at most twice
    /// the steps of <see cref="LogitTolerance"/>, whose errors add up like a random walk.
    /// </summary>
    private double Tolerance(float[] logits) => Math.Sqrt(2) * LogitTolerance.For(_built, logits);

    private void Write(Cut decided, TempFolder output) => OnBench(
        bench => ModelWriter.Plan(bench.Finished(bench.Apply(decided, bench.Input).State).Model, "model.onnx").Write(output.FullPath));

    private T OnBench<T>(Func<Workbench, T> work)
    {
        var options = Options();
        using var texts = JobTexts.Of(options, Map, default);
        using var bench = JobBench.Open(options, Map, options.Input, texts, null, new StageClock(), NoProgress.Instance, default);
        return work(bench);
    }

    private CompressionOptions Options()
    {
        var (ids, vocabulary) = (_folder["ids.jsonl"], _built.Spec.Network.Vocabulary);
        File.WriteAllLines(
            ids,
            Enumerable.Range(0, Rows).Select(
                i => $"[{string.Join(',', Enumerable.Range(0, 16).Select(t => ((i * 29) + (t * t * 5) + (i * t)) % vocabulary))}]"));
        return new CompressionOptions
        {
            Input = _folder["model.onnx"],
            Recipe = new() { Calibration = new() { IdsFile = ids, Samples = CalibrationSet.MinSamples, Length = 16, HeldBackSamples = 8 } },
        };
    }

    private CutUnitForm Found(CompensatedModel model, Block block)
    {
        var sites = Sites.Of(Map, model.View, block);
        var (units, obstacle) = Neurons(model, block);
        var inner = units?.Inner.Select(w => w.Parameter).Append(units.Outer.Parameter).ToHashSet() ?? [];
        var sizes = sites.Found.Where(s => !inner.Contains(s.Parameter) && Math.Min(s.Inputs, s.Outputs) >= Narrowest)
            .Select(s => KeyValuePair.Create(s.Name, (int)(s.Elements / (s.Inputs + s.Outputs) / 2)));
        if (units is not null) sizes = sizes.Append(KeyValuePair.Create(Choice.Width, units.Count / 2));
        var others = sites.Others.Select(o => $"{o.Name}: {o.Why}");
        if (obstacle is not null && block.Half != Halves.Attention) others = others.Append($"MLP widths: {obstacle}");
        return new CutUnitForm(block, sizes.ToImmutableSortedDictionary(StringComparer.Ordinal), [.. others]);
    }

    private (InnerUnits? Units, string? Obstacle) Neurons(CompensatedModel model, Block block)
    {
        try
        {
            var units = InnerUnits.Of(Map, model.View, block, AlignUnits.Mlp);
            return NeuronPath.Of(model, block, units).Obstacle is { } obstacle ? (null, obstacle) : (units, null);
        }
        catch (RefusedException e)
        {
            return (null, e.Refusal.What);
        }
    }
}

/// <summary>What a unit can lose.</summary>
/// <param name="Sizes">Of each site half of the largest rank worth writing, of an MLP half of its width.</param>
/// <param name="Obstacles">Sites that cannot be cut, each with why.</param>
internal sealed record CutUnitForm(Block Block, Sizes Sizes, ImmutableArray<string> Obstacles);
