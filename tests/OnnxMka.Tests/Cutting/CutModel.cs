using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Cutting;
using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Jobs;
using OnnxMka.Outcomes;
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
    private readonly Texts _texts;
    private readonly Workbench _bench;
    private ImmutableArray<CutUnitForm>? _units;

    /// <param name="disguise">Another way to write the same graph, put over what the builder gave.</param>
    public CutModel(DecoderModel built, Func<byte[], byte[]>? disguise = null)
    {
        _built = built;
        Original = DecoderForge.Build(built);
        if (disguise is not null) Original = disguise(Original);
        File.WriteAllBytes(_folder["model.onnx"], Original);
        try
        {
            Map = BlockDetector.DetectFinest(OnnxModel.Load(_folder["model.onnx"]));
            var options = Options(_folder.FullPath, built.Spec.Network.Vocabulary);
            _texts = JobTexts.Of(options, Map, default);
            _bench = JobBench.Open(options, Map, options.Input, _texts, new StageClock(), NoProgress.Instance, default);
        }
        catch (RefusedException)
        {
            _folder.Dispose(); // nobody gets the model, and so nobody else does it
            throw;
        }
    }

    /// <summary>The file as it came.</summary>
    public byte[] Original { get; }

    public BlockMap Map { get; }

    /// <summary>What each unit can lose, and what it cannot.</summary>
    public ImmutableArray<CutUnitForm> Units => _units ??= _bench.WithSeamsOf(_bench.Input, Found);

    /// <summary>
    /// Of every kind of units the last, but of attention the last but one where there are two, so that seams inside the model are met: all
    /// that can be cut, to half of its largest size.
    /// </summary>
    public ImmutableSortedDictionary<string, Sizes> Halved => Units.Where(u => !u.Sizes.IsEmpty)
        .GroupBy(u => (u.Block.Kind, u.Block.Half))
        .Select(kind => kind.Key.Half == Halves.Attention && kind.Count() > 1 ? kind.SkipLast(1).Last() : kind.Last())
        .ToImmutableSortedDictionary(u => u.Block.Name, u => u.Sizes, StringComparer.Ordinal);

    /// <summary>Options that run a model of that vocabulary from a folder.</summary>
    public static CompressionOptions Options(string folder, int vocabulary)
    {
        var ids = Path.Combine(folder, "ids.jsonl");
        File.WriteAllLines(
            ids,
            Enumerable.Range(0, Rows).Select(
                i => $"[{string.Join(',', Enumerable.Range(0, 16).Select(t => ((i * 29) + (t * t * 5) + (i * t)) % vocabulary))}]"));
        return new CompressionOptions
        {
            Input = Path.Combine(folder, "model.onnx"),
            Recipe = new() { Calibration = new() { IdsFile = ids, Samples = CalibrationSet.MinSamples, Length = 16, HeldBackSamples = 8 } },
        };
    }

    /// <summary>The state after a step.</summary>
    public ModelState After(Cut decided) => _bench.Apply(decided, _bench.Input).State;

    /// <summary>
    /// Largest logit difference between what a cut wrote and the same factors put back dense, in one run and token by token, with the
    /// tolerance for it; and how far it is from the same without the largest part of its first matrix of lower rank, or without one neuron.
    /// </summary>
    public (double Difference, double Tolerance, double Control) Compare(ModelState state)
    {
        using var output = new TempFolder();
        ModelWriter.Plan(_bench.Finished(state).Model, "model.onnx").Write(output.FullPath);
        var logits = new FormLogits(_built);
        var dense = DenseModel.Of(Original, OnnxModel.Load(output["model.onnx"]), _built.Spec.Network.Inner);
        using var cut = logits.Open(output["model.onnx"]);
        var expected = Logits(dense.Bytes());
        return (logits.Distance(expected, cut), Tolerance(expected), LogitTolerance.Distance(expected, Logits(dense.Damaged())));

        float[] Logits(byte[] model)
        {
            using var session = logits.Open(model);
            return logits.AtOnce(session);
        }
    }

    private ImmutableArray<CutUnitForm> Found(SplitSeams seams)
    {
        using var scratch = new ScratchFile();
        var model = new CompensatedModel(Map, scratch);
        return [.. Map.Blocks.Select(block =>
        {
            var sites = Sites.Of(Map, model.View, block);
            var (neurons, obstacle) = Neurons.Of(model, block.Index, _bench.Chain(Map), seams.Fit[block.Index - 1].Head(2), default);
            var sizes = sites.Found.Where(s => neurons?.Has(s) != true && Math.Min(s.Inputs, s.Outputs) >= Narrowest)
                .Select(s => KeyValuePair.Create(s.Name, (int)(s.Elements / (s.Inputs + s.Outputs) / 2)));
            if (neurons is not null) sizes = sizes.Append(KeyValuePair.Create(Choice.Width, neurons.Count / 2));
            var others = sites.Others.Select(o => $"{o.Name}: {o.Why}");
            if (obstacle is not null && block.Half != Halves.Attention) others = others.Append($"MLP widths: {obstacle}");
            return new CutUnitForm(block, sizes.ToImmutableSortedDictionary(StringComparer.Ordinal), [.. others]);
        })];
    }

    public void Dispose()
    {
        _bench.Dispose();
        _texts.Dispose();
        _folder.Dispose();
    }

    /// <summary>
    /// Each matrix of lower rank adds fewer multiply-adds than the dense one has, and putting it back rounds it once more: at most twice
    /// the steps of <see cref="LogitTolerance"/>, whose errors add up like a random walk.
    /// </summary>
    private double Tolerance(float[] logits) => Math.Sqrt(2) * LogitTolerance.For(_built, logits);
}

/// <summary>What a unit can lose.</summary>
/// <param name="Sizes">Of each site half of the largest rank worth writing, of an MLP half of its width.</param>
/// <param name="Obstacles">Sites that cannot be cut, each with why.</param>
internal sealed record CutUnitForm(Block Block, Sizes Sizes, ImmutableArray<string> Obstacles);
