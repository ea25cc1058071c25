using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Rewriting;

/// <summary>
/// Takes blocks out of the stream:
/// <code>
/// before   seam a -> block i .. block j -> seam b -> next
/// after    seam a -> next
/// </code>
/// The nodes of the removed blocks are then read by nobody and go, with their weights and cache ports. What reads only the length
/// of a removed cache reads that of a surviving one of the same kind (<see cref="CacheHeir"/>).
/// </summary>
internal static class BlockPrune
{
    private const string Stage = "prune";

    /// <summary>Refuses a removed cache whose values are used outside its block.</summary>
    public static void Script(BlockMap map, MergePlan plan, EditScript script)
    {
        var removed = plan.Removed.ToHashSet();
        var index = GraphIndex.Of(map.Model.Graph);
        var dropped = StreamPorts.Of(map, plan)?.Dropped(map, plan) ?? [];
        foreach (var port in dropped) script.Add(Stage, new GraphEdit.DropOutputPort(port));
        var outputs = map.Model.Graph.Outputs.Select(o => o.Name).Where(o => !dropped.Contains(o)).ToHashSet(StringComparer.Ordinal);
        // Backwards: what a later run takes over from its first norm may still be redirected by an earlier run.
        foreach (var (first, last) in Runs(removed, map.Count).Reverse())
            SeamBypass.Script(map, outputs, index, map.Blocks[first].Input, map.Blocks[last].Output, script, Stage);
        var heirs = new CacheHeir(map, index, removed);
        foreach (var block in removed.Order()) DropPorts(map, index, map.Blocks[block], heirs, script);
    }

    /// <summary>
    /// Refuses a result in which nodes of a removed block are still at work: something outside reads more than the stream.
    /// </summary>
    public static void CheckGone(BlockMap map, MergePlan plan, OnnxModel edited)
    {
        var ports = edited.Graph.Nodes.Where(SeamBypass.IsPortNode).Select(n => n.Outputs[0]).ToHashSet(StringComparer.Ordinal);
        var left = edited.Graph.Nodes.Where(n => !SeamBypass.IsPortNode(n)).SelectMany(n => n.Outputs).ToHashSet(StringComparer.Ordinal);
        foreach (var block in plan.Removed)
        {
            var survivor = map.Blocks[block].Nodes.Select(n => map.Model.Graph.Nodes[n]).FirstOrDefault(
                n => n.Outputs.Any(o => o.Length > 0 && left.Contains(ports.Contains(o) ? SeamBypass.RemovedName(o) : o)));
            if (survivor is not null)
            {
                throw new RefusedException(
                    "MKA045",
                    survivor.Label,
                    $"it belongs to block {block}, and something outside that block reads it",
                    "This model's layers are not separate; try other blocks");
            }
        }
    }

    /// <summary>Takes the caches' inputs away once nothing is left that reads them (<see cref="CheckGone"/>).</summary>
    public static EditScript InputPorts(BlockMap map, MergePlan plan)
    {
        var script = new EditScript();
        foreach (var port in plan.Removed.SelectMany(b => map.Blocks[b].KvInputs))
            script.Add(Stage, new GraphEdit.DropInputPort(port.Name));
        return script;
    }

    private static IEnumerable<(int First, int Last)> Runs(HashSet<int> removed, int count)
    {
        for (var i = 0; i < count; i++)
        {
            if (!removed.Contains(i)) continue;
            var first = i;
            while (removed.Contains(i + 1)) i++;
            yield return (first, i);
        }
    }

    private static void DropPorts(BlockMap map, GraphIndex index, Block block, CacheHeir heirs, EditScript script)
    {
        var own = block.Nodes.ToHashSet();
        foreach (var (port, isInput) in block.KvInputs.Select(p => (p, true)).Concat(block.KvOutputs.Select(p => (p, false))))
        {
            var outside = FinalReaders(index, port.Name).Where(r => !own.Contains(r.Node.Index)).ToArray();
            if (outside.Length == 0) continue;
            if (outside.FirstOrDefault(r => r.Node.OpType is not ("Shape" or "Size")) is { Node: { } reader })
            {
                throw new RefusedException(
                    "MKA046",
                    port.Name,
                    $"this cache of block {block.Index} is also read by {reader.Label}",
                    "A cache that other layers use cannot be removed; choose other blocks");
            }

            script.Add(Stage, new GraphEdit.RedirectReaders(port.Name, heirs.Of(block, port, isInput, outside)));
        }

        foreach (var port in block.KvOutputs) script.Add(Stage, new GraphEdit.DropOutputPort(port.Name));
    }

    /// <summary>
    /// Readers of a cache beyond operators that hand its elements on: a Cast, or what takes key and value out of one tensor.
    /// </summary>
    private static List<Reader> FinalReaders(GraphIndex index, string value)
    {
        var (found, seen, pending) = (new List<Reader>(), new HashSet<string>(StringComparer.Ordinal), new Queue<string>([value]));
        while (pending.TryDequeue(out var next))
        {
            if (next.Length == 0 || !seen.Add(next)) continue;
            foreach (var reader in index.Readers(next))
            {
                var handsOn = reader.Node.OpType is "Cast" or "Identity" or "Gather" or "Slice" or "Split" or "Squeeze" or "Unsqueeze"
                    && !reader.Node.Outputs.Any(index.IsOutput);
                if (!handsOn) found.Add(reader);
                else foreach (var output in reader.Node.Outputs) pending.Enqueue(output);
            }
        }

        return found;
    }
}
