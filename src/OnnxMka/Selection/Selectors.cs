using System.Collections.Immutable;

namespace OnnxMka.Selection;

/// <summary>The selectors that a removal may name, beside the orders that need none (<see cref="Orders"/>).</summary>
public sealed class Selectors
{
    private readonly ImmutableArray<ISelector> _selectors;

    private Selectors(ImmutableArray<ISelector> selectors) => _selectors = selectors;

    /// <summary>Those that come along.</summary>
    public static Selectors BuiltIn { get; } = new([new BlockInfluence(), new AngularWindow(), new LinearCka(), new GreedyLossSelector()]);

    /// <summary>Pairs of neighbours are taken one by one: the most similar by NPIB, or the last.</summary>
    public static ImmutableArray<string> Orders { get; } = ["npib", "tail"];

    /// <summary>Every name that <c>select</c> may have.</summary>
    public IEnumerable<string> Names => Orders.Concat(_selectors.Select(s => s.Name));

    /// <summary>The same and one more. Throws <see cref="ArgumentException"/> where the name is taken.</summary>
    public Selectors With(ISelector selector) =>
        Names.Contains(selector.Name)
            ? throw new ArgumentException($"there is a selector '{selector.Name}' already", nameof(selector))
            : new Selectors(_selectors.Add(selector));

    /// <summary>Refuses (MKA066) a name that no selector has.</summary>
    public ISelector Named(string name) => _selectors.FirstOrDefault(s => s.Name == name)
        ?? throw new RefusedException(
            "MKA066", "the recipe", $"no selector is called '{name}'", $"The names are {string.Join(", ", Names)}");
}
