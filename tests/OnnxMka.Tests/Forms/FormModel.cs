using System.Collections.Concurrent;
using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Forms;

/// <summary>A built model on disk, what the product makes of it, and the same made afresh by the builder.</summary>
internal sealed class FormModel : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly DecoderModel _built;
    private readonly FormLogits _logits;
    private readonly GraphIndex _index;
    private readonly bool _disguised;

    /// <param name="disguise">Another way to write the same graph, put over the file that the builder wrote.</param>
    public FormModel(DecoderModel built, Func<byte[], byte[]>? disguise = null, Granularity granularity = Granularity.Block)
    {
        _built = built;
        _logits = new FormLogits(built);
        DecoderForge.WriteFolder(built, _folder.FullPath);
        _disguised = disguise is not null;
        if (disguise is not null) File.WriteAllBytes(_folder["model.onnx"], disguise(File.ReadAllBytes(_folder["model.onnx"])));
        try
        {
            Map = BlockDetector.Detect(OnnxModel.Load(_folder["model.onnx"]), granularity);
        }
        catch (RefusedException)
        {
            _folder.Dispose(); // nobody gets the model, and so nobody else does it
            throw;
        }

        _index = GraphIndex.Of(Map.Model.Graph);
    }

    public BlockMap Map { get; }

    public int BlockCount => _built.Spec.Blocks.Length;

    /// <summary>Twelve ids of the model's vocabulary.</summary>
    public int[] Tokens => _logits.Tokens;

    /// <summary>
    /// Largest logit difference between surgery and building afresh, with the tolerance for it; where there is a cache, of the
    /// second half decoded token by token, too.
    /// </summary>
    public (double Difference, double Tolerance) Compare(MergePlan plan, DecoderModel reference)
    {
        var rewritten = ModelRewriter.Apply(Map, plan).Model;
        AssertMinimal(rewritten, plan);
        using var output = new TempFolder();
        ModelWriter.Plan(rewritten, "model.onnx").Write(output.FullPath);
        if (_disguised) File.WriteAllBytes(output["model.onnx"], Disguises.WithoutPackedPorts(File.ReadAllBytes(output["model.onnx"])));
        using var session = _logits.Open(output["model.onnx"]);
        var (expected, ports) = Reference(reference);
        if (!_disguised && reference.Spec.Blocks.Length == plan.Groups.Length) Assert.Equal(ports, Ports(rewritten));
        return (_logits.Distance(expected, session), LogitTolerance.For(reference, expected));
    }

    /// <summary>No node or initializer that nothing needs but those that were unread before, and as many caches as blocks.</summary>
    private void AssertMinimal(OnnxModel model, MergePlan plan)
    {
        var index = GraphIndex.Of(model.Graph);
        Assert.Equal(DeadNodes(Map.Model.Graph, _index), DeadNodes(model.Graph, index));
        Assert.All(model.Graph.Initializers.Keys.Where(name => index.Readers(name).Count == 0), name => Assert.Empty(_index.Readers(name)));
        Assert.Equal(
            Map.Model.Graph.FedInputs.Count() - plan.Removed.Sum(b => Map.Blocks[b].KvInputs.Length), model.Graph.FedInputs.Count());
    }

    private static int DeadNodes(OnnxGraph graph, GraphIndex index) =>
        graph.Nodes.Count(n => n.Outputs.All(o => index.Readers(o).Count == 0 && !index.IsOutput(o)));

    /// <summary>The model file as it would be written, weights inside or beside it.</summary>
    public static byte[] Written(OnnxModel model)
    {
        using var output = new TempFolder();
        ModelWriter.Plan(model, "model.onnx").Write(output.FullPath);
        return [.. Directory.GetFiles(output.FullPath).Order(StringComparer.Ordinal).SelectMany(File.ReadAllBytes)];
    }

    public MergePlan Drop(params int[] blocks) => Plan([], blocks);

    public MergePlan Merge(int left, int right, double alpha) => Plan([(left, [(left, alpha), (right, 1 - alpha)])], right);

    public DecoderModel Without(params int[] blocks) => _built.Without(blocks);

    public DecoderModel Merged(int left, int right, double alpha) => _built.Merged(Forge.MergeGroup.Of((left, alpha), (right, 1 - alpha)));

    /// <summary>Mixed in one half of the block alone.</summary>
    public DecoderModel Merged(int left, int right, double alpha, Sublayer half) =>
        _built.Merged(
            role => (role is <= Role.AttentionAfterNormBias or (>= Role.ConvIn and <= Role.CrossOutput)) == (half == Sublayer.Attention),
            [Forge.MergeGroup.Of((left, alpha), (right, 1 - alpha))]);

    public void Dispose() => _folder.Dispose();

    private MergePlan Plan((int Block, (int Block, double Weight)[] Weights)[] merges, params int[] removed)
    {
        var groups = Enumerable.Range(0, Map.Count).Except(removed).Select(b =>
        {
            var weights = merges.Where(m => m.Block == b).Select(m => m.Weights).FirstOrDefault() ?? [(b, 1.0)];
            return new OnnxMka.Planning.MergeGroup(
                b,
                System.Collections.Immutable.ImmutableSortedDictionary.CreateRange(
                    weights.Select(w => KeyValuePair.Create(w.Block, w.Weight))));
        });
        var method = merges.Length > 0 ? Method.Mka : Method.Drop;
        return new MergePlan("", method, Order.Similarity, Map.Count, [], [.. groups], []) { Units = Map.HalfNames };
    }

    /// <summary>What a caller feeds and gets, in any order.</summary>
    private static string[] Ports(OnnxModel model) => [.. model.Graph.FedInputs.Concat(model.Graph.Outputs)
        .Select(p => $"{p.Name} {p.Type} [{string.Join(", ", p.Dimensions ?? ["?"])}]").Order(StringComparer.Ordinal)];

    private (float[] Logits, string[] Ports) Reference(DecoderModel reference)
    {
        using var output = new TempFolder();
        DecoderForge.WriteFolder(reference, output.FullPath);
        using var session = _logits.Open(output["model.onnx"]);
        return (_logits.AtOnce(session), Ports(OnnxModel.Load(output["model.onnx"])));
    }
}
