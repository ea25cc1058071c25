using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>Values of one block's cache at the graph's edge: what it reads (null on a first step) and what it must be called when written.</summary>
internal sealed record CachePorts(string? PastKey, string? PastValue, string? PresentKey, string? PresentValue, string? Past, string? Present);

/// <summary>Inputs and outputs of the graph, in the order in which the exporter lists them.</summary>
internal sealed class Ports(DecoderSpec spec, bool readsPast)
{
    private const string Batch = "batch_size";
    private const string Length = "sequence_length";
    private const string Past = "past_sequence_length";
    private const string Total = "past_sequence_length + sequence_length";

    private readonly List<ValueInfoProto> _inputs = [];
    private readonly List<(int Group, ValueInfoProto Port)> _cacheInputs = [];
    private readonly List<(int Group, ValueInfoProto Port)> _cacheOutputs = [];

    public bool ReadsPast { get; } = readsPast && spec.Form.KvPorts != KvPortForm.None;

    public bool WritesPresent { get; } = spec.Form.KvPorts != KvPortForm.None;

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

    public void Result(string name, ElementType type, int width) => Results.Add(Info(name, type, [Batch, Length, width]));

    /// <summary>Ports of the block's attention cache. Those that the model does not have are null.</summary>
    public CachePorts Cache(int block)
    {
        var number = spec.Blocks[block].Port >= 0 ? spec.Blocks[block].Port : block;
        if (spec.Form.KvPorts is KvPortForm.CombinedPast or KvPortForm.CombinedPastKeyValues)
        {
            var (past, present) = spec.Form.KvPorts == KvPortForm.CombinedPast ? ("past_", "present_") : ("past_key_values.", "present.");
            var (into, outOf) = (CacheInput($"{past}{number}", 0, Combined(Past)), CacheOutput($"{present}{number}", 0, Combined(Total)));
            return new CachePorts(null, null, null, null, into, outOf);
        }

        return new CachePorts(
            CacheInput($"past_key_values.{number}{Middle}.key", 0, Separate(Past)), CacheInput($"past_key_values.{number}{Middle}.value", 1, Separate(Past)),
            CacheOutput($"present.{number}{Middle}.key", 0, Separate(Total)), CacheOutput($"present.{number}{Middle}.value", 1, Separate(Total)), null, null);
    }

    /// <summary>State ports of a convolution block: the last columns of its input.</summary>
    public (string? Past, string? Present) Convolution(int block, int columns)
    {
        object[] dims = [Batch, spec.Network.Hidden, columns];
        return (CacheInput($"past_conv.{block}", 0, dims), CacheOutput($"present_conv.{block}", 0, dims));
    }

    private string Middle => spec.Network.CrossAttention ? ".decoder" : "";

    private object[] Separate(string length) => [Batch, spec.Network.KvHeads, length, spec.Network.HeadSize];

    private object[] Combined(string length) => [2, Batch, spec.Network.KvHeads, length, spec.Network.HeadSize];

    private string? CacheInput(string name, int group, object[] dims)
    {
        if (!ReadsPast) return null;
        if (_cacheInputs.TrueForAll(i => i.Port.Name != name)) _cacheInputs.Add((group, Info(name, spec.Form.Type, dims)));
        return name;
    }

    private string? CacheOutput(string name, int group, object[] dims)
    {
        if (!WritesPresent) return null;
        if (_cacheOutputs.TrueForAll(o => o.Port.Name != name)) _cacheOutputs.Add((group, Info(name, spec.Form.Type, dims)));
        return name;
    }

    private IEnumerable<ValueInfoProto> InOrder(List<(int Group, ValueInfoProto Port)> ports) =>
        (spec.Form.PortOrder == PortOrder.Grouped ? ports.OrderBy(p => p.Group) : ports.AsEnumerable()).Select(p => p.Port);

    internal static ValueInfoProto Info(string name, ElementType type, ReadOnlySpan<object> dims)
    {
        var shape = new TensorShapeProto();
        foreach (var dim in dims)
        {
            shape.Dim.Add(dim is int number
                ? new TensorShapeProto.Types.Dimension { DimValue = number }
                : new TensorShapeProto.Types.Dimension { DimParam = (string)dim });
        }

        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = shape } } };
    }
}
