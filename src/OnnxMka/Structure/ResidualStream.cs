using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>
/// The path from the token embeddings to the logits and the values on it that nothing bypasses (dominators).
/// Edges through Shape and Size do not count: a length is no activation.
/// </summary>
internal sealed class ResidualStream
{
    private ResidualStream(
        NormalisedView view,
        string source,
        string sink,
        string tokenInput,
        bool takesEmbeddings,
        ImmutableArray<string> cuts,
        HashSet<string> dependent)
    {
        View = view;
        Source = source;
        Sink = sink;
        TokenInput = tokenInput;
        TakesEmbeddings = takesEmbeddings;
        Cuts = cuts;
        Dependent = dependent;
    }

    public NormalisedView View { get; }

    /// <summary>Value where the stream starts: the looked-up embeddings.</summary>
    public string Source { get; }

    /// <summary>Graph output where it ends.</summary>
    public string Sink { get; }

    public string TokenInput { get; }

    public bool TakesEmbeddings { get; }

    /// <summary>Dominators from source to sink, both included; a Cast or Identity of one is left out.</summary>
    public ImmutableArray<string> Cuts { get; }

    /// <summary>All values that the embeddings flow into.</summary>
    public HashSet<string> Dependent { get; }

    /// <summary>Refuses a graph without embeddings, or whose outputs do not depend on them.</summary>
    /// <param name="seams">Of a value and its casts, the one named here is the cut.</param>
    public static ResidualStream Find(NormalisedView view, IReadOnlyCollection<string> seams)
    {
        var (source, input, embeds) = StreamSource.Find(view);
        var dependent = Forward(view, source);
        var sink = FindSink(view, source, dependent);
        var cuts = Dominators(view, source, sink, dependent);
        var named = seams.ToHashSet(StringComparer.Ordinal);
        return new ResidualStream(view, source, sink, input, embeds, WithoutAliases(view, cuts, named), dependent);
    }

    /// <summary>
    /// A Cast or Identity of a cut is the same cut, and the first value counts: what follows may start with a Cast (a traced
    /// RMSNorm does). Embeddings that are widened once, when later cuts are not, enter the first block widened.
    /// </summary>
    private static ImmutableArray<string> WithoutAliases(NormalisedView view, ImmutableArray<string> cuts, HashSet<string> seams)
    {
        var groups = new List<List<string>>();
        foreach (var cut in cuts)
        {
            var alias = groups.Count > 0 && view.Producer(cut) is { Op: "Cast" or "Identity" } node && groups[^1][^1] == node.Inputs[0];
            if (alias) groups[^1].Add(cut);
            else groups.Add([cut]);
        }

        var widenedOnce = groups.Skip(1).Count(g => g.Count > 1) * 3 <= groups.Count;
        var usual = groups.Select(g => widenedOnce && view.Producer(g[0])?.Op is not ("Add" or "ResidualSum") ? g[^1] : g[0]);
        return [.. groups.Zip(usual, (g, cut) => g.Find(seams.Contains) ?? cut)];
    }

    /// <summary>A node whose output only tells sizes.</summary>
    public static bool ReadsOnlyShape(ViewNode node) => node.Op is "Shape" or "Size";

    private static HashSet<string> Forward(NormalisedView view, string source)
    {
        var reached = new HashSet<string>(StringComparer.Ordinal) { source };
        Func<string, bool> isReached = reached.Contains;
        foreach (var node in view.Nodes)
        {
            if (!ReadsOnlyShape(node) && node.Reads.Any(isReached)) reached.UnionWith(node.Outputs.Where(o => o.Length > 0));
        }

        return reached;
    }

    /// <summary>
    /// The float output behind most products in a row: caches leave the stream early, and the head comes after every layer.
    /// </summary>
    private static string FindSink(NormalisedView view, string source, HashSet<string> dependent)
    {
        var outputs = view.Index.Graph.Outputs.Where(o => dependent.Contains(o.Name)).ToArray();
        if (outputs.Length == 0)
            throw new RefusedException("MKA010", source, "no output depends on the token embeddings", "Give an exported decoder LLM");
        if (outputs.Any(o => o.Name == "logits")) return "logits";
        var depth = ProductDepths(view, dependent);
        return outputs.OrderByDescending(o => o.Type.IsMergeable()).ThenByDescending(o => depth.GetValueOrDefault(o.Name)).First().Name;
    }

    /// <summary>Products on the way from the source to each value that has most of them.</summary>
    private static Dictionary<string, int> ProductDepths(NormalisedView view, HashSet<string> dependent)
    {
        var depth = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var node in view.Nodes.Where(n => !ReadsOnlyShape(n)))
        {
            var deepest = node.Reads.Where(dependent.Contains).Select(v => depth.GetValueOrDefault(v)).DefaultIfEmpty().Max();
            var own = view.Operators(node).Count(Products.Contains);
            foreach (var output in node.Outputs.Where(dependent.Contains)) depth[output] = deepest + own;
        }

        return depth;
    }

    /// <summary>
    /// Values are numbered in runnable order, so edges go upwards; a value is passed by every path exactly if no edge from
    /// before it lands behind it. One sweep.
    /// </summary>
    private static ImmutableArray<string> Dominators(NormalisedView view, string source, string sink, HashSet<string> dependent)
    {
        var onPath = Backward(view, sink, dependent);
        var number = new Dictionary<string, int>(StringComparer.Ordinal) { [source] = 0 };
        var names = new List<string> { source };
        foreach (var output in view.Nodes.SelectMany(n => n.Outputs).Where(o => o != source && onPath.Contains(o)))
        {
            number[output] = names.Count;
            names.Add(output);
        }

        var reach = new int[names.Count];
        foreach (var node in view.Nodes)
        {
            if (ReadsOnlyShape(node)) continue;
            var last = -1;
            foreach (var output in node.Outputs) last = Math.Max(last, number.GetValueOrDefault(output, -1));
            if (last < 0) continue;
            foreach (var input in node.Reads)
            {
                if (number.TryGetValue(input, out var from)) reach[from] = Math.Max(reach[from], last);
            }
        }

        var cuts = ImmutableArray.CreateBuilder<string>();
        var farthest = 0;
        for (var i = 0; i < names.Count; i++)
        {
            if (farthest <= i) cuts.Add(names[i]);
            farthest = Math.Max(farthest, reach[i]);
        }

        return cuts.ToImmutable();
    }

    private static HashSet<string> Backward(NormalisedView view, string sink, HashSet<string> dependent)
    {
        var reached = new HashSet<string>(StringComparer.Ordinal) { sink };
        Func<string, bool> isReached = reached.Contains;
        for (var i = view.Nodes.Length - 1; i >= 0; i--)
        {
            var node = view.Nodes[i];
            if (!ReadsOnlyShape(node) && node.Outputs.Any(isReached)) reached.UnionWith(node.Reads.Where(dependent.Contains));
        }

        return reached;
    }
}
