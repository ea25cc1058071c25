using System.Buffers.Binary;
using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Structure;

namespace OnnxMka.Cutting;

/// <summary>Whole numbers at an input of a node, or in its attributes, some of which count columns.</summary>
/// <param name="Slot">Input that reads them; null for the attributes of an old Split or Slice.</param>
/// <param name="Stored">What that input reads; null for attributes.</param>
internal sealed record ColumnNumbers(OnnxNode Node, int? Slot, StoredNumbers? Stored)
{
    private const string Stage = "cut";

    private static readonly string[] Lists = ["split", "starts", "ends"];

    /// <summary>A number in step with fewer neurons: one of neurons, or of so many sections of them.</summary>
    public static long Scaled(long number, int before, int after) =>
        Math.Abs(number) == before || Math.Abs(number) == 2L * before ? number / before * after : number;

    /// <summary>The attributes of a node that count columns; null for none.</summary>
    public static ColumnNumbers? OfAttributes(OnnxNode node, int neurons) =>
        Lists.Any(l => node.Attributes.TryGetValue(l, out var list) && list.Ints.Any(n => Scaled(n, neurons, 0) != n))
            ? new ColumnNumbers(node, null, null)
            : null;

    /// <summary>Gives the node numbers of its own: whoever else reads those that it had keeps them.</summary>
    public void AddTo(EditScript script, BlockMap map, int before, int after)
    {
        if (Stored is null)
        {
            var attributes = ImmutableDictionary.CreateBuilder<string, object>();
            foreach (var (name, attribute) in Node.Attributes)
            {
                attributes[name] = name switch
                {
                    _ when Lists.Contains(name) => attribute.Ints.Select(n => Scaled(n, before, after)).ToArray(),
                    "axes" => attribute.Ints.ToArray(),
                    _ => attribute.Int,
                };
            }

            script.Add(
                Stage,
                new GraphEdit.RewriteNode(
                    Node.Index, new NodeSpec(Node.OpType, Node.Inputs, Node.Outputs, Node.Name, Attributes: attributes.ToImmutable())));
            return;
        }

        var value = $"{Node.Outputs[0]}/neurons_{Slot}";
        var scaled = Stored with { Values = [.. Stored.Values.Select(n => Scaled(n, before, after))] };
        script.Add(Stage, new GraphEdit.AddInitializer(scaled.Tensor(value), null));
        script.Add(Stage, new GraphEdit.SetInput(Node.Index, Slot!.Value, value));
    }
}

/// <summary>Whole numbers that a graph stores.</summary>
internal sealed record StoredNumbers(ElementType Type, ImmutableArray<long> Shape, ImmutableArray<long> Values)
{
    private const int Most = 64; // longer lists are no sizes

    /// <summary>Of an initializer or a Constant node, however it writes them; null for anything else.</summary>
    public static StoredNumbers? Of(BlockMap map, ViewNode? producer, string value)
    {
        if (map.Model.Graph.Initializers.TryGetValue(value, out var stored)) return Read(stored);
        if (producer is not { Op: "Constant" }) return null;
        var attributes = producer.Origin.Attributes;
        if (attributes.GetValueOrDefault("value")?.Tensor is { } tensor) return Read(tensor);
        if (attributes.TryGetValue("value_ints", out var list)) return new(ElementType.Int64, [list.Ints.Count], [.. list.Ints]);
        return attributes.TryGetValue("value_int", out var single) ? new(ElementType.Int64, [], [single.Int]) : null;
    }

    /// <summary>As a tensor in memory.</summary>
    public TensorRef Tensor(string name)
    {
        var size = Type == ElementType.Int32 ? sizeof(int) : sizeof(long);
        var bytes = new byte[Values.Length * size];
        for (var i = 0; i < Values.Length; i++)
        {
            if (Type == ElementType.Int32) BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(i * size), (int)Values[i]);
            else BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * size), Values[i]);
        }

        return new TensorRef(name, Type, Shape, new MemoryBytes(bytes));
    }

    private static StoredNumbers? Read(TensorRef tensor)
    {
        if (tensor.Type is not (ElementType.Int32 or ElementType.Int64) || tensor.ElementCount > Most) return null;
        using var reader = new TensorReader();
        return new(tensor.Type, tensor.Shape, [.. FloatCodec.DecodeInts(tensor.Type, reader.ReadBytes(tensor), tensor.ElementCount)]);
    }
}
