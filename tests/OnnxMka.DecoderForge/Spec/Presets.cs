using System.Reflection;

namespace OnnxMka.Forge;

/// <summary>All presets. The classes named <c>...Presets</c> give each by name.</summary>
public static class Presets
{
    /// <summary>Forms that the tool must work on.</summary>
    public static IReadOnlyList<Preset> Accepted { get; } =
    [
        .. In(typeof(LlamaPresets)), .. In(typeof(LayerNormPresets)), .. In(typeof(TopologyPresets)),
        .. In(typeof(MixedPresets)), .. In(typeof(HybridPresets)), .. In(typeof(QuantisedPresets)),
    ];

    /// <summary>Graphs that the tool must refuse; see also <see cref="UnfitGraphs"/>.</summary>
    public static IReadOnlyList<Preset> Refused { get; } = [.. In(typeof(RefusedPresets))];

    public static IEnumerable<Preset> All => Accepted.Concat(Refused);

    public static Preset ByName(string name) => All.Single(p => p.Name == name);

    private static IEnumerable<Preset> In(Type presets) =>
        presets.GetProperties(BindingFlags.Public | BindingFlags.Static).Select(p => p.GetValue(null)).OfType<Preset>();
}
