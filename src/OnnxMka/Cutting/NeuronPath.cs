using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Rewriting;
using OnnxMka.Structure;

namespace OnnxMka.Cutting;

/// <summary>
/// What stands between an MLP's inner matrices and its features: operators on single columns, and those that tell sections of columns
/// apart (Split, Slice, Reshape and their like) by numbers that follow the number of neurons.
/// </summary>
/// <param name="Numbers">Numbers of columns that are written down.</param>
/// <param name="Obstacle">Why the number of columns cannot change; null where it can.</param>
internal sealed record NeuronPath(ImmutableArray<ColumnNumbers> Numbers, string? Obstacle)
{
    /// <summary>
    /// Each column of what they give depends on that column of what they take, and constants have one element or one a column.
    /// </summary>
    private static readonly HashSet<string> ByColumn = new(StringComparer.Ordinal)
    {
        "Add", "Sub", "Mul", "Div", "Pow", "Sqrt", "Neg", "Abs", "Sign", "Round", "Floor", "Ceil", "Min", "Max", "Mean", "Clip", "Where",
        "Cast", "CastLike", "Identity", "Sigmoid", "HardSigmoid", "Tanh", "Erf", "Exp", "Log", "Sin", "Cos", "Relu", "PRelu", "LeakyRelu",
        "Elu", "Celu", "Selu", "Softplus", "Softsign", "Mish", "Gelu", "HardSwish", "Swish", "Shrink", "ThresholdedRelu", "Reciprocal",
        "Constant", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Not", "IsNaN", "IsInf",
        "com.microsoft.Gelu", "com.microsoft.FastGelu", "com.microsoft.QuickGelu", "com.microsoft.BiasGelu",
    };

    /// <summary>They move columns and change none. That they do so with fewer is proven by running them (<see cref="Neurons"/>).</summary>
    private static readonly HashSet<string> Moving = new(StringComparer.Ordinal)
    {
        "Split", "Slice", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Gather", "Flatten",
    };

    public static NeuronPath Of(CompensatedModel model, Block block, InnerUnits units)
    {
        var (view, down) = (model.View, units.Outer.Parameter.Use.Node);
        var inner = units.Inner.Select(w => w.Parameter.Use.Node).ToHashSet();
        var numbers = new NumberWalk(model.Map, view, block, units.Count);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var between = new HashSet<int>();
        var pending = new Stack<string>([units.Features]);
        while (pending.TryPop(out var value))
        {
            if (value.Length == 0 || !seen.Add(value) || view.Producer(value) is not { } node) continue;
            if (!block.Nodes.Contains(node.Origin.Index) || inner.Contains(node.Origin.Index)) continue;
            between.Add(node.Origin.Index);
            if (Moving.Contains(node.Op))
            {
                numbers.Add(node);
                pending.Push(node.Inputs[0]);
            }
            else if (view.Operators(node).All(ByColumn.Contains))
            {
                foreach (var input in node.Reads) pending.Push(input);
            }
            else
            {
                return Refused($"{node.Op} stands between its matrices ({node.Origin.Label})");
            }
        }

        // What the columns go to besides the down projection would see their number change.
        foreach (var value in seen.Where(v => view.Producer(v)?.Origin.Index is { } p && (between.Contains(p) || inner.Contains(p))))
        {
            var stray = view.Readers(value).FirstOrDefault(
                r => r.Node.Op is not ("Shape" or "Size") && r.Node.Origin.Index != down && !between.Contains(r.Node.Origin.Index));
            if (stray.Node is not null) return Refused($"{stray.Node.Op} reads its columns too ({stray.Node.Origin.Label})");
        }

        return numbers.ReadElsewhere(between) is { } other
            ? Refused($"{other.Op} reads a number of its columns too ({other.Origin.Label})")
            : new NeuronPath(numbers.Found, null);
    }

    /// <summary>All numbers in step with fewer neurons.</summary>
    public EditScript Edits(BlockMap map, int before, int after)
    {
        var script = new EditScript();
        foreach (var number in Numbers) number.AddTo(script, map, before, after);
        return script;
    }

    private static NeuronPath Refused(string obstacle) => new([], obstacle);
}
