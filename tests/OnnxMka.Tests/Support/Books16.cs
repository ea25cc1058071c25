using OnnxMka.Graph;
using OnnxMka.Planning;
using OnnxMka.Running.Sessions;
using OnnxMka.Structure;

namespace OnnxMka.Tests;

/// <summary>The trained fixture and what the tests ask of it.</summary>
internal static class Books16
{
    private static readonly Lazy<BlockMap> Detected = new(() => BlockDetector.Detect(OnnxModel.Load(ModelPath)));

    public static string Root { get; } = FindRoot();

    public static string Folder => Path.Combine(Root, "models-fixtures", "books16");

    public static string ModelPath => Path.Combine(Folder, "model.onnx");

    public static BlockMap Map => Detected.Value;

    /// <summary>Token ids that the tests run: a sentence of one of the novels, from the reference file.</summary>
    public static int[] Prompt => ReferenceFile.Instance.Prompt;

    /// <summary>
    /// A plan in which the given blocks take the given convex weights, and all blocks mentioned in no group but removed go.
    /// </summary>
    public static MergePlan Plan(IEnumerable<int> removed, params (int Block, (int Block, double Weight)[] Weights)[] merges)
    {
        var gone = removed.ToHashSet();
        var groups = Enumerable.Range(0, Map.Count).Where(b => !gone.Contains(b)).Select(b =>
        {
            var merge = merges.FirstOrDefault(m => m.Block == b && m.Weights is not null);
            var weights = merge.Weights ?? [(b, 1.0)];
            return new MergeGroup(
                b,
                System.Collections.Immutable.ImmutableSortedDictionary.CreateRange(
                    weights.Select(w => KeyValuePair.Create(w.Block, w.Weight))));
        });
        return new MergePlan(
            Fingerprint.Of(Map.Model), merges.Length > 0 ? Method.Mka : Method.Drop, Order.Similarity, Map.Count, [], [.. groups], []);
    }

    /// <summary>Logits of a model, [tokens, vocabulary]: prefill of one sequence on the CPU.</summary>
    public static float[] Logits(OnnxModel model, int[] ids)
    {
        using var session = DecoderSession.Load(BlockDetector.Detect(model), ExecutionTarget.Cpu);
        return session.Logits(ids, 1);
    }

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "OnnxMka.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException("no folder above the tests has OnnxMka.sln");
        return folder;
    }
}
