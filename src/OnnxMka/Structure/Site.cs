using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>One linear map of a block, <c>y = x W</c>, in a plain float matrix that no other place reads.</summary>
/// <param name="Name">As people write it: the parameter's role, numbered where a block has it twice.</param>
/// <param name="Input">x, rows of <see cref="LinearWeight.Inputs"/>.</param>
internal sealed record Site(string Name, LinearWeight Weight, string Input)
{
    public BlockParameter Parameter => Weight.Parameter;

    public int Inputs => Weight.Inputs;

    public int Outputs => Weight.Outputs;

    /// <summary>Elements of W.</summary>
    public long Elements => (long)Inputs * Outputs;
}

/// <summary>A matrix product of a block that is no site, and why.</summary>
/// <param name="Elements">Of its stored matrix.</param>
internal sealed record NoSite(string Name, long Elements, string Why);

/// <summary>The matrix products of a block with stored matrices, in running order.</summary>
internal sealed record Sites(ImmutableArray<Site> Found, ImmutableArray<NoSite> Others)
{
    /// <summary>Elements of all matrices.</summary>
    public long Elements => Found.Sum(s => s.Elements) + Others.Sum(o => o.Elements);

    public static Sites Of(BlockMap map, NormalisedView view, Block block)
    {
        var (found, others) = (ImmutableArray.CreateBuilder<Site>(), ImmutableArray.CreateBuilder<NoSite>());
        var own = block.Nodes.ToHashSet();
        var names = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var node in view.Nodes.Where(n => own.Contains(n.Origin.Index)))
        {
            if (LinearWeight.Of(map, block, node) is { } weight)
            {
                var name = Named(weight.Parameter.Role);
                var site = new Site(name, weight, node.Inputs[0]);
                if (Obstacle(map, view.Index, weight.Parameter) is { } why) others.Add(new NoSite(name, site.Elements, why));
                else found.Add(site);
            }
            else if (Stored(map, block, node) is { } matrix)
            {
                var elements = map.Tensor(matrix.Initializer).ElementCount;
                others.Add(new NoSite(Named(matrix.Role), elements, $"{node.Op} is no product with a plain float matrix"));
            }
        }

        return new Sites(found.ToImmutable(), others.ToImmutable());

        string Named(string role)
        {
            var count = names[role] = names.GetValueOrDefault(role) + 1;
            return count == 1 ? role : $"{role}#{count}";
        }
    }

    /// <summary>The largest matrix of another product, or of what takes several at once; null where the node has none.</summary>
    private static BlockParameter? Stored(BlockMap map, Block block, ViewNode node)
    {
        var isProduct = Products.Contains(node.Op) || node.Op is "com.microsoft.MoE" or "com.microsoft.QMoE" or "com.microsoft.Attention";
        if (!isProduct) return null;
        return Enumerable.Range(0, node.Inputs.Length)
            .Select(i => LinearWeight.ParameterAt(block, node, i))
            .OfType<BlockParameter>()
            .Where(p => map.Tensor(p.Initializer).Shape.Length > 1)
            .MaxBy(p => map.Tensor(p.Initializer).ElementCount);
    }

    private static string? Obstacle(BlockMap map, GraphIndex index, BlockParameter parameter)
    {
        var values = parameter.Use.Chain.Select(i => map.Model.Graph.Nodes[i].Outputs[0]).Append(parameter.Initializer);
        return values.All(v => index.Readers(v).Count == 1 && !index.IsOutput(v)) ? null : "its matrix is read in several places";
    }
}
