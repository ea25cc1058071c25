using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>
/// One linear map of a block, <c>y = x W</c>, in a plain float matrix that no other place reads, or in a pair of them:
/// <c>y = (x A) B</c> of lower rank, as an earlier cut leaves it.
/// </summary>
/// <param name="Name">As people write it: the parameter's role, numbered where a block has it twice.</param>
/// <param name="Weight">W, or B.</param>
/// <param name="First">A; null for a single matrix.</param>
/// <param name="Input">x, rows of <see cref="Inputs"/>.</param>
internal sealed record Site(string Name, LinearWeight Weight, LinearWeight? First, string Input)
{
    public BlockParameter Parameter => Weight.Parameter;

    public int Inputs => (First ?? Weight).Inputs;

    public int Outputs => Weight.Outputs;

    /// <summary>The largest that it can have.</summary>
    public int Rank => First?.Outputs ?? Math.Min(Inputs, Outputs);

    /// <summary>Elements of all its matrices.</summary>
    public long Elements => First is null ? (long)Inputs * Outputs : (long)Rank * (Inputs + Outputs);
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
        var pairs = MatrixPairs.Of(map, view, block);
        foreach (var node in view.Nodes.Where(n => own.Contains(n.Origin.Index) && !pairs.IsFirst(n)))
        {
            if (LinearWeight.Of(map, block, node) is { } weight)
            {
                var name = Named(weight.Parameter.Role);
                var first = pairs.FirstOf(node);
                var site = new Site(name, weight, first?.Weight, (first?.Node ?? node).Inputs[0]);
                if (Obstacle(map, view.Index, site) is { } why) others.Add(new NoSite(name, site.Elements, why));
                else found.Add(site);
            }
            else
            {
                foreach (var matrix in Stored(map, view, block, node))
                    others.Add(new NoSite(Named(matrix.Role), map.Tensor(matrix.Initializer).ElementCount, Why(map, view, node, matrix)));
            }
        }

        return new Sites(found.ToImmutable(), others.ToImmutable());

        string Named(string role)
        {
            var count = names[role] = names.GetValueOrDefault(role) + 1;
            return count == 1 ? role : $"{role}#{count}";
        }
    }

    /// <summary>The matrix of another product, and all of those that take several at once; none where the node has none.</summary>
    private static IEnumerable<BlockParameter> Stored(BlockMap map, NormalisedView view, Block block, ViewNode node)
    {
        var takesSeveral = node.Op is "com.microsoft.MoE" or "com.microsoft.QMoE" || view.IsCall(node);
        if (!takesSeveral && node.Op != "com.microsoft.Attention" && !view.Operators(node).Any(Products.Contains)) return [];
        var stored = Enumerable.Range(0, node.Inputs.Length)
            .Select(i => LinearWeight.ParameterAt(block, node, i))
            .OfType<BlockParameter>()
            .Where(p => map.Tensor(p.Initializer).Shape.Length > 1)
            .OrderByDescending(p => map.Tensor(p.Initializer).ElementCount)
            .ToArray();
        if (!takesSeveral) return stored.Take(1);
        // Beside quantised matrices stand their scales.
        var quantised = stored.Where(p => !map.Tensor(p.Initializer).Type.IsMergeable()).ToArray();
        return (quantised.Length > 0 ? quantised : stored).OrderBy(p => p.Use.Slot);
    }

    private static string Why(BlockMap map, NormalisedView view, ViewNode node, BlockParameter matrix)
    {
        if (view.IsCall(node)) return $"it is multiplied inside the function {node.Origin.OpType}";
        if (node.Op is not ("MatMul" or "Gemm" or "com.microsoft.FusedMatMul")) return $"{node.Op} is no product with a plain float matrix";
        if (LinearWeight.ComesThrough(map, matrix) is { } op) return $"its matrix comes through {op}";
        return node.Slots.IndexOf(matrix.Use.Slot) == 1
            ? $"{node.Op} turns its first input, or its matrix is none of two dimensions in plain floats"
            : $"its matrix stands first in {node.Op}";
    }

    private static string? Obstacle(BlockMap map, GraphIndex index, Site site)
    {
        var parameters = new[] { site.Parameter, site.First?.Parameter }.OfType<BlockParameter>();
        var values = parameters.SelectMany(p => p.Use.Chain.Select(i => map.Model.Graph.Nodes[i].Outputs[0]).Append(p.Initializer));
        return values.All(v => index.Readers(v).Count == 1 && !index.IsOutput(v)) ? null : "its matrix is read in several places";
    }
}
