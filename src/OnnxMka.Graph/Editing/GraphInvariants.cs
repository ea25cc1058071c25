namespace OnnxMka.Graph.Editing;

/// <summary>What must hold of a graph after every edit; a breach is a bug, and names the stage that made it.</summary>
public static class GraphInvariants
{
    /// <summary>
    /// Single assignment, no cycle, nothing read that nobody writes, runnable file order, unique node names, every output
    /// written, every tensor filling its shape.
    /// </summary>
    public static void Check(OnnxModel model, string stage)
    {
        try
        {
            var index = GraphIndex.Of(model.Graph);
            for (var i = 0; i < index.Order.Length; i++)
            {
                if (index.Order[i].Index != i) throw new InvalidOperationException($"{model.Graph.Nodes[i].Label} runs before what it reads");
            }

            foreach (var output in model.Graph.Outputs.Where(o => index.Producer(o.Name) is null && !index.IsInput(o.Name) && !index.IsInitializer(o.Name)))
                throw new InvalidOperationException($"nothing writes the output {output.Name}");
            foreach (var tensor in model.Graph.Initializers.Values) TensorChecks.Check(tensor);
        }
        catch (Exception e) when (e is RefusedException or InvalidOperationException)
        {
            throw new InvalidOperationException($"Stage {stage} broke the graph: {e.Message}", e);
        }
    }
}
