using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>What an initializer is in its module; dialects name them differently.</summary>
internal enum WeightPart { Matrix, Bias, Norm, NormBias, Table }

/// <summary>
/// How an exporter names nodes, values and weights, and where it puts constants. One instance serves one graph: it counts names.
/// </summary>
internal abstract class Dialect
{
    private readonly Dictionary<string, int> _counts = new(StringComparer.Ordinal);

    public static Dialect Of(GraphForm form) => form.Dialect switch
    {
        DialectKind.TorchScript => new TorchScriptDialect(form.AnonymousWeights),
        DialectKind.GenAi => new GenAiDialect(),
        DialectKind.Dynamo => new DynamoDialect(),
        _ => new OrtOptimizerDialect(form.AnonymousWeights),
    };

    /// <summary>Biases are the first operand of their Add.</summary>
    public virtual bool BiasFirst => false;

    /// <summary>The residual stream is read through a norm's cast to its own type.</summary>
    public virtual bool AliasesCasts => false;

    public abstract string NodeName(IReadOnlyList<string> scope, string op, string? label);

    public abstract string ValueName(string node, string op, int index);

    /// <summary>Emits a constant and returns its value name.</summary>
    public abstract string Constant(GraphWriter graph, TensorProto tensor);

    public abstract string WeightName(string module, WeightPart part);

    /// <summary>Adds what the exporter says about a node besides its name.</summary>
    public virtual void Annotate(NodeProto node, IReadOnlyList<string> scope)
    {
    }

    /// <summary>How often this name was asked for before.</summary>
    protected int Count(string name)
    {
        var count = _counts.GetValueOrDefault(name);
        _counts[name] = count + 1;
        return count;
    }

    /// <summary>The name, with a number from its second use on.</summary>
    protected string Unique(string name) => Count(name) is var count and > 0 ? $"{name}_{count}" : name;
}
