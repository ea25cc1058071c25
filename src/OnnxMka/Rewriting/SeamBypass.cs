using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Structure;

namespace OnnxMka.Rewriting;

/// <summary>Joins the stream before a removed run (seam a) to what follows it (seam b), fused norms included.</summary>
internal static class SeamBypass
{
    /// <param name="outputs">Graph outputs that stay.</param>
    public static void Script(BlockMap map, IReadOnlySet<string> outputs, GraphIndex index, Seam a, Seam b, EditScript script, string stage)
    {
        if (b.SkipNorm is { } follower) Fused(map.Model, a, map.Model.Graph.Nodes[follower], b, script, stage);
        else Plain(map.Model, outputs, index, a, b, script, stage);
    }

    /// <summary>
    /// True where the seam behind a run of removed blocks outlives the one before it: the skip-norm behind it takes over the operands.
    /// </summary>
    /// <param name="first">Seam before the run: 0 is what block 0 reads.</param>
    /// <param name="seam">Seam behind it.</param>
    public static bool Lasts(BlockMap map, int first, int seam) =>
        first < seam && map.Blocks[seam - 1].Output.IsFused && map.Blocks[first].Input.SkipNorm is { } before
        && map.Model.Graph.Nodes[before].OpType != "EmbedLayerNormalization";

    /// <summary>True for a node that gives a port of the stream what the stream is before a removed run.</summary>
    public static bool IsPortNode(OnnxNode node) => node.OpType == "Identity" && node.Name == PortNode(node.Outputs[0]);

    /// <summary>What a removed block's own end is called where a port has its name.</summary>
    public static string RemovedName(string port) => port + "/removed";

    private static string PortNode(string port) => port + "/stream";

    /// <summary>Every reader of b reads a. A graph output called b goes on under its name.</summary>
    private static void Plain(
        OnnxModel model, IReadOnlySet<string> outputs, GraphIndex index, Seam a, Seam b, EditScript script, string stage)
    {
        SeamAccess.Expose(model, a, script, stage);
        if (!outputs.Contains(b.Value))
        {
            script.Add(stage, new GraphEdit.RedirectReaders(b.Value, a.Value));
            return;
        }

        var producer = index.Producer(b.Value)!;
        script.Add(stage, new GraphEdit.SetOutput(producer.Index, producer.Outputs.IndexOf(b.Value), RemovedName(b.Value)));
        script.Add(stage, new GraphEdit.AddNode(new NodeSpec("Identity", [a.Value], [b.Value], PortNode(b.Value))));
    }

    /// <summary>
    /// The skip-norm behind the run keeps gamma, beta, epsilon and its outputs, and takes the operands and the bias of the
    /// skip-norm before the run (that bias belongs to the block before). Where the run starts the model, see the two cases below.
    /// </summary>
    private static void Fused(OnnxModel model, Seam a, OnnxNode follower, Seam b, EditScript script, string stage)
    {
        if (a.SkipNorm is not { } index)
        {
            ToPlainNorm(model, a, follower, b, script, stage);
            return;
        }

        var before = model.Graph.Nodes[index];
        if (before.OpType == "EmbedLayerNormalization")
        {
            IntoEmbedding(model, before, a, follower, b, script, stage);
            return;
        }

        var bias = BiasSlot(follower);
        script.Add(stage, new GraphEdit.SetInput(follower.Index, 0, script.InputOf(before, 0)));
        script.Add(stage, new GraphEdit.SetInput(follower.Index, 1, script.InputOf(before, 1)));
        // A merged bias of the block before is already in the script.
        var carried = script.InputOf(before, BiasSlot(before));
        if (carried.Length > 0 || follower.Inputs.Length > bias) script.Add(stage, new GraphEdit.SetInput(follower.Index, bias, carried));
    }

    /// <summary>The stream starts as a plain value: the skip-norm becomes the plain norm that block 0 had.</summary>
    private static void ToPlainNorm(OnnxModel model, Seam a, OnnxNode follower, Seam b, EditScript script, string stage)
    {
        var simplified = follower.OpType == "SkipSimplifiedLayerNormalization";
        var attributes = ImmutableDictionary<string, object>.Empty
            .Add("axis", -1L)
            .Add("epsilon", follower.Float("epsilon", 1e-12f))
            .Add("stash_type", 1L);
        var (gamma, beta) = (script.InputOf(follower, 2), simplified ? "" : script.InputOf(follower, 3));
        string[] inputs = beta.Length > 0 ? [a.Value, gamma, beta] : [a.Value, gamma];
        var spec = new NodeSpec(
            simplified ? "SimplifiedLayerNormalization" : "LayerNormalization",
            [.. inputs],
            [follower.Outputs[0]],
            follower.Name,
            Attributes: attributes);
        script.Add(stage, new GraphEdit.RewriteNode(follower.Index, spec));
        script.Add(stage, new GraphEdit.RedirectReaders(b.Value, a.Value));
    }

    /// <summary>
    /// The stream starts inside EmbedLayerNormalization: that takes the follower's gamma and beta, and the follower goes.
    /// </summary>
    private static void IntoEmbedding(
        OnnxModel model, OnnxNode embedding, Seam a, OnnxNode follower, Seam b, EditScript script, string stage)
    {
        if (embedding.Float("epsilon", 1e-12f) != follower.Float("epsilon", 1e-12f))
        {
            throw new RefusedException(
                "MKA047", follower.Label, "its epsilon differs from that of the embedding's norm, which would have to take its place",
                "Keep the first block: leave it out of --blocks, or use --protect-first 1");
        }

        SeamAccess.Expose(model, a, script, stage);
        script.Add(stage, new GraphEdit.SetInput(embedding.Index, 5, script.InputOf(follower, 2)));
        script.Add(stage, new GraphEdit.SetInput(embedding.Index, 6, script.InputOf(follower, 3)));
        script.Add(stage, new GraphEdit.RedirectReaders(follower.Outputs[0], embedding.Outputs[0]));
        script.Add(stage, new GraphEdit.RedirectReaders(b.Value, a.Value));
    }

    private static int BiasSlot(OnnxNode skipNorm) => skipNorm.OpType == "SkipSimplifiedLayerNormalization" ? 3 : 4;
}
