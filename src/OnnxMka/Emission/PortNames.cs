using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Rewriting;
using OnnxMka.Structure;

namespace OnnxMka.Emission;

/// <summary>What became of the names of a model's inputs and outputs.</summary>
internal sealed class PortNames
{
    private readonly HashSet<string> _before;
    private readonly HashSet<string> _after;
    private readonly IReadOnlyDictionary<string, string> _renamed;
    private readonly HashSet<string> _taken;

    private PortNames(HashSet<string> before, HashSet<string> after, IReadOnlyDictionary<string, string> renamed)
    {
        _before = before;
        _after = after;
        _renamed = renamed;
        _taken = [.. renamed.Values];
    }

    /// <summary>No port changed.</summary>
    public static PortNames None { get; } = new([], [], new Dictionary<string, string>(StringComparer.Ordinal));

    public static PortNames Of(OnnxModel original, RewrittenModel rewritten)
    {
        var (layers, sizes) = (rewritten.SourceLayers, CacheHeads.Changed(original, rewritten));
        return new(Names(original), Names(rewritten.Model), rewritten.Ports) { Layers = layers, HeadSizes = sizes };
    }

    /// <summary>What their numbers count, where that is not the blocks.</summary>
    public SourceLayers? Layers { get; private init; }

    /// <summary>Sizes of the heads in its caches, where they are no longer what they were; empty else.</summary>
    public ImmutableArray<long> HeadSizes { get; private init; } = [];

    /// <summary>True where the model had a port of that name and it is gone or called otherwise now.</summary>
    public bool Changes(string old) => _before.Contains(old) && New(old) != old;

    /// <summary>The new name; null where the port went with its block. Names that were no port stay.</summary>
    public string? New(string old)
    {
        if (!_before.Contains(old)) return old;
        if (_renamed.TryGetValue(old, out var name)) return name;
        // A name that another port now has was free: its own port is gone.
        return _after.Contains(old) && !_taken.Contains(old) ? old : null;
    }

    private static HashSet<string> Names(OnnxModel model) => [.. model.Graph.Inputs.Concat(model.Graph.Outputs).Select(p => p.Name)];
}
