namespace OnnxMka.Graph.Editing;

/// <summary>What must hold of a graph after every edit; a breach is a bug, and names the stage that made it.</summary>
public static class GraphInvariants
{
    /// <summary>
    /// Single assignment, no cycle, nothing read that nobody writes, runnable file order, unique node names, every output
    /// written, every tensor filling its shape. Node names that <paramref name="before"/> has twice may stay so.
    /// </summary>
    public static void Check(OnnxModel model, string stage, OnnxModel? before = null)
    {
        try
        {
            var index = GraphIndex.Of(model.Graph);
            for (var i = 0; i < index.Order.Length; i++)
            {
                if (index.Order[i].Index != i)
                    throw new InvalidOperationException($"{model.Graph.Nodes[i].Label} runs before what it reads");
            }

            var twice = NamesOfSeveralNodes(model).Except(before is null ? [] : NamesOfSeveralNodes(before), StringComparer.Ordinal);
            foreach (var name in twice) throw new InvalidOperationException($"two nodes are called {name}");
            foreach (var tensor in model.Graph.Initializers.Values) TensorChecks.Check(tensor);
        }
        catch (Exception e) when (e is RefusedException or InvalidOperationException)
        {
            throw Broken(stage, e);
        }
    }

    internal static InvalidOperationException Broken(string stage, Exception breach) =>
        new(
            $"Stage {stage} broke the graph: "
                + $"{(breach is RefusedException { Refusal: var refusal } ? $"{refusal.Where}: {refusal.What}" : breach.Message)}",
            breach);

    private static IEnumerable<string> NamesOfSeveralNodes(OnnxModel model) =>
        model.Graph.Nodes.Where(n => n.Name.Length > 0)
            .GroupBy(n => n.Name, StringComparer.Ordinal)
            .Where(g => g.Skip(1).Any())
            .Select(g => g.Key);
}
