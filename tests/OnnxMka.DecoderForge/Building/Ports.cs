using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>
/// Values of one block's cache at the graph's edge: what it reads (null on a first step) and what it must be called when written.
/// </summary>
internal sealed record CachePorts(
    string? PastKey, string? PastValue, string? PresentKey, string? PresentValue, string? Past, string? Present);

/// <summary>Inputs and outputs of the graph, in the order in which the exporter lists them.</summary>
internal sealed class Ports(DecoderSpec spec, bool readsPast)
{
    private const string Length = "sequence_length";
    private const string Past = "past_sequence_length";
    private const string Total = "past_sequence_length + sequence_length";

    private readonly StateNames _names = new(spec);
    private readonly List<ValueInfoProto> _inputs = [];
    private readonly List<(int Group, ValueInfoProto Port)> _cacheInputs = [];
    private readonly List<(int Group, ValueInfoProto Port)> _cacheOutputs = [];

    public bool ReadsPast { get; } = readsPast && spec.Form.KvPorts != KvPortForm.None;

    public bool WritesPresent { get; } = spec.Form.KvPorts != KvPortForm.None;

    /// <summary>The dimension of the batch.</summary>
    public object Batch { get; } = spec.Form.StaticBatch ? 1 : "batch_size";

    public List<ValueInfoProto> Results { get; } = [];

    public IEnumerable<ValueInfoProto> Inputs => _inputs.Concat(InOrder(_cacheInputs));

    public IEnumerable<ValueInfoProto> Outputs => Results.Concat(InOrder(_cacheOutputs));

    /// <summary>Name of the input; added on the first call.</summary>
    public string Input(string name, ElementType type, params ReadOnlySpan<object> dims)
    {
        if (_inputs.TrueForAll(i => i.Name != name)) _inputs.Add(Info(name, type, dims));
        return name;
    }

    public string InputIds() => Input("input_ids", ElementType.Int64, Batch, Length);

    public string Mask() => Input("attention_mask", ElementType.Int64, Batch, ReadsPast ? Total : Length);

    public string PositionIds() => Input("position_ids", ElementType.Int64, Batch, Length);

    public string CachePosition() => Input("cache_position", ElementType.Int64, Length);

    public void Result(string name, ElementType type, int width) => Results.Add(Info(name, type, [Batch, Positions(name), width]));

    /// <summary>Ports of the block's attention cache. Those that the model does not have are null.</summary>
    public CachePorts Cache(int block)
    {
        if (spec.Form.KvPorts is KvPortForm.CombinedPast or KvPortForm.CombinedPastKeyValues)
        {
            var (past, present) = Pair(
                _names.Both(block),
                0,
                [2, Batch, spec.Network.KvHeads, PastOf(block), spec.Network.HeadSize],
                [2, Batch, spec.Network.KvHeads, TotalOf(block), spec.Network.HeadSize]);
            return new CachePorts(null, null, null, null, past, present);
        }

        return Pairs(block, _names.Key(block), _names.Value(block), spec.Network.KvHeads);
    }

    /// <summary>Ports of one head of the block's attention.</summary>
    public CachePorts HeadCache(int block, int head) =>
        Pairs(block, _names.Head(block, head, values: false), _names.Head(block, head, values: true), 1);

    /// <summary>State ports of a convolution: the last columns of its input.</summary>
    public (string? Past, string? Present) Convolution(int block, int channels, int columns)
    {
        object[] dims = [Batch, channels, columns];
        return Pair(_names.Convolution(block), 2, dims, dims);
    }

    /// <summary>State ports of linear attention: a matrix a head.</summary>
    public (string? Past, string? Present) Recurrence(int block)
    {
        object[] dims = [Batch, spec.Network.Heads, spec.Network.HeadSize, spec.Network.HeadSize];
        return Pair(_names.Recurrence(block), 3, dims, dims);
    }

    private CachePorts Pairs(int block, (string, string) key, (string, string) value, int heads)
    {
        object[] past = [Batch, heads, PastOf(block), spec.Network.HeadSize];
        object[] present = [Batch, heads, TotalOf(block), spec.Network.HeadSize];
        var ((pastKey, presentKey), (pastValue, presentValue)) = (Pair(key, 0, past, present), Pair(value, 1, past, present));
        return new CachePorts(pastKey, pastValue, presentKey, presentValue, null, null);
    }

    private (string? Past, string? Present) Pair((string Past, string Present) names, int group, object[] past, object[] present) =>
        (
            ReadsPast ? Listed(_cacheInputs, names.Past, group, past) : null,
            WritesPresent ? Listed(_cacheOutputs, names.Present, group, present) : null);

    private string Listed(List<(int Group, ValueInfoProto Port)> ports, string name, int group, object[] dims)
    {
        if (ports.TrueForAll(p => p.Port.Name != name)) ports.Add((group, Info(name, spec.Form.Type, dims)));
        return name;
    }

    private object Positions(string result) => (result, spec.Form.Logits) switch
    {
        ("logits", LogitsForm.Last) => 1,
        ("logits", LogitsForm.Counted) => "num_logits",
        _ => Length,
    };

    private string PastOf(int block) => Symbol(block, Past, $"past_sliding_{spec.Blocks[block].CacheLength}_length");

    private string TotalOf(int block)
    {
        var kept = spec.Blocks[block].CacheLength;
        return Symbol(
            block,
            Total,
            spec.Form.Cut == CacheCut.Graph ? $"kept_sliding_{kept}_length" : $"past_sliding_{kept}_length + sequence_length");
    }

    private string Symbol(int block, string all, string own) => spec.Form.Symbols switch
    {
        LengthSymbols.None => "",
        LengthSymbols.Own when spec.Blocks[block].CacheLength > 0 => own,
        _ => all,
    };

    private IEnumerable<ValueInfoProto> InOrder(List<(int Group, ValueInfoProto Port)> ports) =>
        (spec.Form.PortOrder == PortOrder.Grouped ? ports.OrderBy(p => p.Group) : ports.AsEnumerable()).Select(p => p.Port);

    /// <param name="dims">Sizes and symbols; <c>""</c> for a dimension of which nothing is told.</param>
    internal static ValueInfoProto Info(string name, ElementType type, ReadOnlySpan<object> dims)
    {
        var shape = new TensorShapeProto();
        foreach (var dim in dims)
        {
            shape.Dim.Add(dim switch
            {
                int number => new TensorShapeProto.Types.Dimension { DimValue = number },
                "" => new TensorShapeProto.Types.Dimension(),
                _ => new TensorShapeProto.Types.Dimension { DimParam = (string)dim },
            });
        }

        return new ValueInfoProto
        {
            Name = name,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = shape } },
        };
    }
}
