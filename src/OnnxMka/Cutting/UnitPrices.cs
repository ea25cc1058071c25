using System.Collections.Immutable;
using OnnxMka.Structure;

namespace OnnxMka.Cutting;

/// <summary>A rank that a site can have, or a width of an MLP, at a price.</summary>
/// <param name="Size">Rank or neurons; the site's own for the dense form.</param>
internal sealed record Offer(int Size, long Parameters, double Price);

/// <summary>Something of a unit that can be made smaller.</summary>
/// <param name="Name">A site's name, or <see cref="Width"/>.</param>
/// <param name="Offers">The form as it is, at no price, comes first.</param>
internal sealed record Choice(string Name, ImmutableArray<Offer> Offers)
{
    /// <summary>Name of an MLP's neurons.</summary>
    public const string Width = "width";
}

/// <summary>What a unit of the model can lose, and what each loss costs.</summary>
/// <param name="Place">Number in the model.</param>
/// <param name="Gone">Price of leaving it out; null where it must stay.</param>
/// <param name="LayerGone">Price of leaving out the whole layer that it is of; null where that must stay.</param>
/// <param name="Fixed">Parameters of matrices that cannot be cut.</param>
internal sealed record UnitPrices(
    int Place, ImmutableArray<Choice> Choices, double? Gone, double? LayerGone, long Fixed, ImmutableArray<NoSite> Obstacles)
{
    /// <summary>Parameters of all its matrices.</summary>
    public long Parameters => Fixed + Choices.Sum(c => c.Offers[0].Parameters);
}
