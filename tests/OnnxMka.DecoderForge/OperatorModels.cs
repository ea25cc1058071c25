using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Google.Protobuf;
using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>What an input of an operator's model is fed with.</summary>
public sealed record OperatorFeed(string Name, ElementType Type, ImmutableArray<long> Shape);

/// <summary>Models of one operator, as <see cref="OperatorTemplates"/> lists them or damaged. The same for the same seed.</summary>
/// <param name="Feeds">Of shapes that fit, or nearly.</param>
public sealed record OperatorModel(string Operator, byte[] Bytes, ImmutableArray<OperatorFeed> Feeds)
{
    public static int Count => OperatorTemplates.All.Length;

    /// <summary>The template of that number as it is.</summary>
    public static OperatorModel Of(int template) => Parse(OperatorTemplates.All[template]);

    public static OperatorModel Damaged(int seed)
    {
        var random = new Random(seed);
        var model = Parse(OperatorTemplates.All[random.Next(Count)], describesInputs: random.Next(2) == 0);
        var bytes = random.Next(6) == 0 ? model.Bytes : OperatorDamage.Of(model.Bytes, seed);
        return model with { Bytes = bytes, Feeds = random.Next(3) == 0 ? [.. model.Feeds.Select(f => Bent(f, random))] : model.Feeds };
    }

    private static OperatorFeed Bent(OperatorFeed feed, Random random)
    {
        if (random.Next(2) == 0) return feed;
        var axis = random.Next(feed.Shape.Length);
        return random.Next(4) switch
        {
            0 => feed with { Shape = feed.Shape.Add(1) },
            1 when feed.Shape.Length > 1 => feed with { Shape = feed.Shape.RemoveAt(axis) },
            _ => feed with
            {
                Shape = feed.Shape.SetItem(
                    axis,
                    random.Next(5) switch
                    {
                        0 => 0,
                        1 => 1,
                        2 => feed.Shape[axis] + 1,
                        3 => feed.Shape[axis] / 2,
                        _ => 2 * feed.Shape[axis],
                    }),
            },
        };
    }

    /// <summary>A line as <see cref="OperatorTemplates"/> has them.</summary>
    public static OperatorModel Parse(string template) => Parse(template, describesInputs: true);

    private static OperatorModel Parse(string template, bool describesInputs)
    {
        var parts = template.Split('|', StringSplitOptions.TrimEntries);
        var words = parts[0].Split(' ');
        var node = new NodeProto { Name = "node", OpType = words[0] };
        if (words[0].LastIndexOf('.') is > 0 and var dot) (node.Domain, node.OpType) = (words[0][..dot], words[0][(dot + 1)..]);
        foreach (var word in words.Skip(1).Where(w => w.Contains('=', StringComparison.Ordinal))) node.Attribute.Add(Attribute(word));
        for (var i = 0; i < int.Parse(words[^1]); i++) node.Output.Add($"output.{i}");
        var graph = new GraphProto { Name = "graph", Node = { node } };
        graph.Output.AddRange(node.Output.Select(o => new ValueInfoProto { Name = o }));
        var feeds = ImmutableArray.CreateBuilder<OperatorFeed>();
        for (var i = 1; i < parts.Length; i++)
        {
            var name = parts[i].Length > 0 ? $"input.{i - 1}" : "";
            node.Input.Add(name);
            if (name.Length == 0) continue;
            if (parts[i][0] == '=')
            {
                graph.Initializer.Add(Stored(name, parts[i][1..]));
                continue;
            }

            var feed = new OperatorFeed(name, TypeOf(parts[i].Split(' ')[0]), [.. parts[i].Split(' ')[1].Split(',').Select(long.Parse)]);
            feeds.Add(feed);
            var tensor = new TypeProto.Types.Tensor { ElemType = (int)feed.Type };
            if (describesInputs)
            {
                tensor.Shape = new TensorShapeProto
                {
                    Dim = { feed.Shape.Select(dim => new TensorShapeProto.Types.Dimension { DimValue = dim }) },
                };
            }

            graph.Input.Add(new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } });
        }

        var model = new ModelProto
        {
            IrVersion = 10,
            Graph = graph,
            OpsetImport =
            {
                new OperatorSetIdProto { Domain = "", Version = 24 },
                new OperatorSetIdProto { Domain = "com.microsoft", Version = 1 },
            },
        };
        return new OperatorModel(words[0], model.ToByteArray(), feeds.ToImmutable());
    }

    private static AttributeProto Attribute(string word)
    {
        var (name, value) = (word[..word.IndexOf('=')], word[(word.IndexOf('=') + 1)..]);
        if (value[0] == '[')
        {
            return new AttributeProto
            {
                Name = name,
                Type = AttributeProto.Types.AttributeType.Ints,
                Ints = { value[1..^1].Split(',').Select(long.Parse) },
            };
        }

        if (long.TryParse(value, out var number))
            return new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Int, I = number };
        return float.TryParse(value, CultureInfo.InvariantCulture, out var fraction)
            ? new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Float, F = fraction }
            : new AttributeProto
            {
                Name = name,
                Type = AttributeProto.Types.AttributeType.String,
                S = ByteString.CopyFrom(value, Encoding.UTF8),
            };
    }

    private static TensorProto Stored(string name, string text)
    {
        var type = TypeOf(text.Split(' ')[0]);
        var rest = text.Split(' ')[1];
        if (rest[0] != '{')
        {
            int[] dims = [.. rest.Split(',').Select(int.Parse)];
            var empty = Tensors.Raw(type, new byte[((dims.Aggregate(1L, (a, b) => a * b) * type.Bits()) + 7) / 8], dims);
            empty.Name = name;
            return empty;
        }

        var values = rest[1..^1].Split(',');
        var tensor = type switch
        {
            ElementType.Int64 => Tensors.Ints([.. values.Select(long.Parse)]),
            ElementType.Int32 => Tensors.Raw(type, [.. values.SelectMany(v => BitConverter.GetBytes(int.Parse(v)))], values.Length),
            ElementType.Float => Tensors.Floats(type, [.. values.Select(v => float.Parse(v, CultureInfo.InvariantCulture))], values.Length),
            _ => Tensors.Raw(type, [.. values.Select(byte.Parse)], values.Length),
        };
        tensor.Name = name;
        return tensor;
    }

    private static ElementType TypeOf(string word) => word switch
    {
        "f32" => ElementType.Float,
        "f16" => ElementType.Float16,
        "i64" => ElementType.Int64,
        "i32" => ElementType.Int32,
        "i8" => ElementType.Int8,
        "u8" => ElementType.UInt8,
        "u4" => ElementType.UInt4,
        "bool" => ElementType.Bool,
        _ => throw new FormatException(word),
    };
}
