using System.Numerics.Tensors;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Tests;

/// <summary>
/// A small decoder with one block that the loss cannot do without: it makes the stream a thousand times larger, and logits get
/// <c>0 * sqrt(|x|^2 - c)</c> of the last seam x added, which is 0 with the block and NaN without it.
/// </summary>
internal static class NeedsBlock
{
    private const float Louder = 1000;

    public static BlockMap Of(int block, CalibrationSet set)
    {
        var map = SmallDecoder.Map;
        var script = new EditScript();
        using var reader = new TensorReader();
        foreach (var writer in ResidualWriters.Of(map, NormalisedView.Of(map.Model), map.Blocks[block]).Writers)
        {
            var tensor = map.Tensor(writer.Weight.Initializer);
            var values = new float[tensor.ElementCount];
            FloatCodec.Decode(ElementType.Float, reader.ReadBytes(tensor), values);
            TensorPrimitives.Multiply(values, Louder, values);
            script.Add(
                "test", new GraphEdit.ReplaceInitializer(tensor.Name, new MemoryBytes(values.SelectMany(BitConverter.GetBytes).ToArray())));
        }

        var louder = BlockDetector.Detect(GraphEditor.Apply(map.Model, script));
        var (with, without) = (Squares(louder, set, null).Min(), Squares(louder, set, block).Max());
        Assert.True(with > 4 * without, $"{with} with the block, {without} without it");
        return BlockDetector.Detect(GraphEditor.Apply(louder.Model, Guard(louder, MathF.Sqrt(with) * MathF.Sqrt(without))));
    }

    /// <summary><c>|x|^2</c> of each token at the last seam.</summary>
    private static float[] Squares(BlockMap map, CalibrationSet set, int? without)
    {
        var chain = BlockChain.Of(map, ExecutionTarget.Cpu);
        using var stream = chain.RunPrelude(set);
        foreach (var block in Enumerable.Range(0, map.Count).Where(b => b != without))
            chain.Advance(BlockPart.Of(map.Model, map, block), [stream]);
        var row = new float[set.Length * stream.Width];
        return [.. Enumerable.Range(0, set.Count).SelectMany(sample =>
        {
            stream.ReadFloats(sample, row);
            return row.Chunk(stream.Width).Select(r => TensorPrimitives.SumOfSquares<float>(r)).ToArray();
        })];
    }

    private static EditScript Guard(BlockMap map, float limit)
    {
        var script = new EditScript();
        var (node, slot) = map.Model.Graph.Nodes.Index()
            .Where(n => n.Item.Outputs.Contains(map.Logits))
            .Select(n => (n.Index, n.Item.Outputs.IndexOf(map.Logits)))
            .Single();
        script.Add("test", new GraphEdit.SetOutput(node, slot, "own.logits"));
        foreach (var (name, value) in new[] { ("limit", limit), ("zero", 0f) })
        {
            script.Add(
                "test",
                new GraphEdit.AddInitializer(
                    new TensorRef(name, ElementType.Float, [1], new MemoryBytes(BitConverter.GetBytes(value))), null));
        }

        script.Add(
            "test",
            new GraphEdit.AddInitializer(new TensorRef("last", ElementType.Int64, [1], new MemoryBytes(BitConverter.GetBytes(-1L))), null));
        script.Add(
            "test",
            new GraphEdit.AddNode(
                new NodeSpec("Mul", [map.Blocks[^1].Output.Value, map.Blocks[^1].Output.Value], ["squares"], "guard/square")));
        script.Add("test", new GraphEdit.AddNode(new NodeSpec("ReduceSum", ["squares", "last"], ["sum"], "guard/sum")));
        script.Add("test", new GraphEdit.AddNode(new NodeSpec("Sub", ["sum", "limit"], ["above"], "guard/above")));
        script.Add("test", new GraphEdit.AddNode(new NodeSpec("Sqrt", ["above"], ["root"], "guard/root")));
        script.Add("test", new GraphEdit.AddNode(new NodeSpec("Mul", ["root", "zero"], ["nothing"], "guard/nothing")));
        script.Add("test", new GraphEdit.AddNode(new NodeSpec("Add", ["own.logits", "nothing"], [map.Logits], "guard/logits")));
        return script;
    }
}
