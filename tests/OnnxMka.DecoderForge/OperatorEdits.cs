using Google.Protobuf;
using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>One number of the last operator of a kind changed; each takes the bytes of a model and gives those of another.</summary>
public static class OperatorEdits
{
    public static byte[] WithAttribute(byte[] model, string op, string attribute, long value)
    {
        var proto = ModelProto.Parser.ParseFrom(model);
        var node = proto.Graph.Node.Last(n => n.OpType == op);
        var old = node.Attribute.FirstOrDefault(a => a.Name == attribute);
        if (old is not null) node.Attribute.Remove(old);
        node.Attribute.Add(new AttributeProto { Name = attribute, Type = AttributeProto.Types.AttributeType.Int, I = value });
        return proto.ToByteArray();
    }

    /// <summary>A stored input cut to its first rows; the others that read it read what is left too.</summary>
    public static byte[] WithRows(byte[] model, string op, int slot, int rows)
    {
        var proto = ModelProto.Parser.ParseFrom(model);
        var name = proto.Graph.Node.Last(n => n.OpType == op).Input[slot];
        var tensor = proto.Graph.Initializer.Single(t => t.Name == name);
        var bytes = (int)(tensor.RawData.Length / tensor.Dims[0] * rows);
        tensor.Dims[0] = rows;
        tensor.RawData = ByteString.CopyFrom(tensor.RawData.Span[..bytes]);
        return proto.ToByteArray();
    }
}
