using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>Outputs of the graph that show a value of the stream, as it is or behind nothing but copies and casts.</summary>
internal static class ShownStream
{
    /// <summary>
    /// The value that an output shows, and the nodes between the two; null where it is made of more, or something else reads what is
    /// between.
    /// </summary>
    public static (string Value, ImmutableArray<OnnxNode> Between)? Of(GraphIndex index, string port, Func<string, bool> isStream)
    {
        var between = ImmutableArray.CreateBuilder<OnnxNode>();
        var value = port;
        while (!isStream(value))
        {
            var isRead = index.Readers(value).Count > (between.Count == 0 ? 0 : 1);
            if (isRead || index.Producer(value) is not { Domain: "", OpType: "Identity" or "Cast" } node) return null;
            between.Add(node);
            value = node.Inputs[0];
        }

        return (value, between.ToImmutable());
    }
}
