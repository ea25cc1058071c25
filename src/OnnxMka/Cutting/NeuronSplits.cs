using System.Buffers.Binary;
using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Rewriting;
using OnnxMka.Structure;

namespace OnnxMka.Cutting;

/// <summary>
/// What stands between an MLP's inner matrices and its features: operators on single columns, and splits into sections of equal sizes.
/// </summary>
/// <param name="Splits">Splits that say how large their sections are.</param>
/// <param name="Obstacle">Why the number of columns cannot change; null where it can.</param>
internal sealed record NeuronSplits(ImmutableArray<ViewNode> Splits, string? Obstacle)
{
    private const string Stage = "cut";

    /// <summary>Each column of what they give depends on that column of what they take, and constants have one element or one a column.</summary>
    private static readonly HashSet<string> ByColumn = new(StringComparer.Ordinal)
    {
        "Add", "Sub", "Mul", "Div", "Pow", "Sqrt", "Neg", "Abs", "Min", "Max", "Clip", "Where", "Cast", "Identity", "Sigmoid", "HardSigmoid",
        "Tanh", "Erf", "Exp", "Log", "Relu", "LeakyRelu", "Elu", "Celu", "Selu", "Softplus", "Softsign", "Mish", "Gelu", "HardSwish", "Swish",
        "ThresholdedRelu", "Reciprocal", "Constant", "Equal", "Greater", "Less",
        "com.microsoft.Gelu", "com.microsoft.FastGelu", "com.microsoft.QuickGelu", "com.microsoft.BiasGelu",
    };

    public static NeuronSplits Of(CompensatedModel model, Block block, InnerUnits units)
    {
        var inner = units.Inner.Select(w => w.Parameter.Use.Node).ToHashSet();
        var splits = ImmutableArray.CreateBuilder<ViewNode>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var between = new HashSet<int>();
        var pending = new Stack<string>([units.Features]);
        while (pending.TryPop(out var value))
        {
            if (value.Length == 0 || !seen.Add(value) || model.View.Producer(value) is not { } node) continue;
            if (!block.Nodes.Contains(node.Origin.Index)) continue;
            if (inner.Contains(node.Origin.Index)) continue;
            between.Add(node.Origin.Index);
            if (node.Op == "Split") splits.Add(node);
            else if (!ByColumn.Contains(node.Op)) return new([], $"{node.Op} stands between its matrices ({node.Origin.Label})");
            if (node.Op == "Split") pending.Push(node.Inputs[0]);
            else foreach (var input in node.Reads) pending.Push(input);
        }

        // What the columns go to besides the down projection would see their number change.
        foreach (var value in seen.Where(v => model.View.Producer(v) is { } p && (between.Contains(p.Origin.Index) || inner.Contains(p.Origin.Index))))
        {
            var stray = model.View.Readers(value).FirstOrDefault(
                r => !between.Contains(r.Node.Origin.Index) && r.Node.Origin.Index != units.Outer.Parameter.Use.Node);
            if (stray.Node is not null) return new([], $"{stray.Node.Op} reads its columns too ({stray.Node.Origin.Label})");
        }

        foreach (var split in splits)
        {
            if (Sizes(model.Map, split) is not { } sizes) return new([], $"the sizes of its sections are no constants ({split.Origin.Label})");
            if (sizes.Distinct().Count() > 1) return new([], $"its sections have different sizes ({split.Origin.Label})");
        }

        return new([.. splits.Where(s => Sizes(model.Map, s) is { Length: > 0 })], null);
    }

    /// <summary>Sizes of the sections in step with the number of neurons.</summary>
    public static EditScript Edits(BlockMap map, ImmutableArray<ViewNode> splits, int neurons)
    {
        var script = new EditScript();
        foreach (var split in splits)
        {
            var sizes = Enumerable.Repeat((long)neurons, Sizes(map, split)!.Value.Length).ToArray();
            if (split.Inputs.Length > 1 && split.Inputs[1].Length > 0)
            {
                var name = $"{split.Outputs[0]}/sections";
                var bytes = new byte[sizes.Length * sizeof(long)];
                for (var i = 0; i < sizes.Length; i++) BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * sizeof(long)), sizes[i]);
                script.Add(Stage, new GraphEdit.AddInitializer(new TensorRef(name, ElementType.Int64, [sizes.Length], new MemoryBytes(bytes)), null));
                script.Add(Stage, new GraphEdit.SetInput(split.Origin.Index, 1, name));
                continue;
            }

            var node = split.Origin;
            var attributes = ImmutableDictionary<string, object>.Empty.Add("axis", node.Int("axis", 0)).Add("split", sizes);
            script.Add(
                Stage, new GraphEdit.RewriteNode(node.Index, new NodeSpec("Split", node.Inputs, node.Outputs, node.Name, Attributes: attributes)));
        }

        return script;
    }

    /// <summary>Empty for equal sections that are counted alone; null for sizes that are computed.</summary>
    private static ImmutableArray<long>? Sizes(BlockMap map, ViewNode split)
    {
        if (split.Origin.Attributes.TryGetValue("split", out var attribute)) return [.. attribute.Ints];
        if (split.Inputs.Length < 2 || split.Inputs[1].Length == 0) return [];
        var stored = map.Model.Graph.Initializers.ContainsKey(split.Inputs[1])
            || map.Model.Graph.Nodes.Any(n => n.OpType == "Constant" && n.Outputs[0] == split.Inputs[1] && n.Attributes.ContainsKey("value"));
        if (!stored || map.Tensor(split.Inputs[1]) is not { Type: ElementType.Int64 } tensor) return null;
        using var reader = new TensorReader();
        var bytes = reader.ReadBytes(tensor);
        return [.. Enumerable.Range(0, bytes.Length / sizeof(long)).Select(i => BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(i * sizeof(long))))];
    }
}
