using Google.Protobuf;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Tests.Hostile;

public sealed class HostileTensorsTests : IDisposable
{
    private readonly TestFolder _folder = TestFolder.Create();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ShapesThatTheBytesDoNotFillAreRefused()
    {
        var refusals = new Refusals(_folder);
        long[][] shapes =
        [
            [-1],
            [4, -1],
            [3],
            [5],
            [long.MinValue],
            [long.MaxValue],
            [long.MaxValue, long.MaxValue],
            [1L << 32, 1L << 32],
            [1L << 62, 4],
            [1L << 60],
            [1L << 56],
            [1L << 57],
            [3, 6148914691236517206], [-4, -1], [], [4, 0],
        ];
        foreach (var shape in shapes)
            refusals.Expect("MKA006", $"[{string.Join(',', shape)}] for 16 bytes", Model(Raw(ElementType.Float, 16, shape)));
        refusals.Expect(
            "MKA006", "no elements, but other dimensions that overflow", Model(Raw(ElementType.Float, 0, 0, long.MaxValue, long.MaxValue)));
        refusals.Expect("MKA006", "65 dimensions", Model(Raw(ElementType.Float, 4, [.. Enumerable.Repeat(1L, 65)])));
        refusals.Expect("MKA006", "2^60 elements of 16 bytes for none", Model(Raw(ElementType.Complex128, 0, 1L << 60)));
        refusals.Expect("MKA006", "2^61 elements of 8 bytes for none", Model(Raw(ElementType.Int64, 0, 1L << 61)));
        refusals.Expect("MKA006", "a large tensor that is too short", Model(Raw(ElementType.Float, 4092, 1024)));
        refusals.Expect("MKA006", "a large tensor that is too long", Model(Raw(ElementType.Float, 4100, 1024)));
        refusals.Expect("MKA006", "half a byte too little", Model(Raw(ElementType.Int4, 4, 9)));
        Golden.Check("shapes", refusals.ToString());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(27)]
    [InlineData(int.MaxValue)]
    public void UnknownElementTypesAreRefused(int type) =>
        Assert.Equal("MKA006", Refused(Model(Raw((ElementType)type, 16, 16))).Code);

    [Fact]
    public void DataInSeveralFormsAreRefused()
    {
        var refusals = new Refusals(_folder);
        var large = Raw(ElementType.Float, 4096, 1024);
        refusals.Expect(
            "MKA006", "raw and typed, small", Model(With(Raw(ElementType.Float, 16, 4), t => t.FloatData.AddRange([1, 2, 3, 4]))));
        refusals.Expect("MKA006", "raw large, typed small", Model(With(large, t => t.FloatData.Add(1))));
        refusals.Expect("MKA001", "raw and typed, both large", Model(With(large, t => t.FloatData.AddRange(new float[1024]))));
        refusals.Expect("MKA001", "raw twice", Twice(large));
        refusals.Expect("MKA006", "raw and outside, small", Model(With(Raw(ElementType.Float, 16, 4), Outside)));
        refusals.Expect("MKA006", "raw and outside, large", Model(With(large, Outside)));
        refusals.Expect(
            "MKA006", "typed and outside", Model(With(Typed(ElementType.Float, 4, t => t.FloatData.AddRange([1, 2, 3, 4])), Outside)));
        refusals.Expect(
            "MKA006",
            "segments",
            Model(With(Raw(ElementType.Float, 16, 4), t => t.Segment = new TensorProto.Types.Segment { Begin = 0, End = 4 })));
        refusals.Expect(
            "MKA006", "strings outside", Model(With(new TensorProto { DataType = (int)ElementType.String, Dims = { 4 } }, Outside)));
        refusals.Expect("MKA006", "strings as raw bytes", Model(Raw(ElementType.String, 16, 4)));
        refusals.Expect(
            "MKA006", "too few strings", Model(Typed(ElementType.String, 4, t => t.StringData.Add(ByteString.CopyFromUtf8("one")))));
        Golden.Check("forms", refusals.ToString());
    }

    [Fact]
    public void NumbersInAFieldOfAnotherTypeAreRefused()
    {
        var refusals = new Refusals(_folder);
        foreach (var count in new[] { 4, 4000 })
        {
            var floats = new float[count];
            refusals.Expect(
                "MKA006", $"fp16 in float_data, {count}", Model(Typed(ElementType.Float16, count * 2, t => t.FloatData.AddRange(floats))));
            refusals.Expect(
                "MKA006", $"int64 in float_data, {count}", Model(Typed(ElementType.Int64, count / 2, t => t.FloatData.AddRange(floats))));
            refusals.Expect(
                "MKA006",
                $"fp32 in double_data, {count}",
                Model(Typed(ElementType.Float, count * 2, t => t.DoubleData.AddRange(new double[count]))));
            refusals.Expect(
                "MKA006",
                $"int64 in int32_data, {count}",
                Model(Typed(ElementType.Int64, count, t => t.Int32Data.AddRange(new int[count]))));
            refusals.Expect(
                "MKA006",
                $"fp32 in int64_data, {count}",
                Model(Typed(ElementType.Float, count, t => t.Int64Data.AddRange(new long[count]))));
            refusals.Expect(
                "MKA006",
                $"int64 in uint64_data, {count}",
                Model(Typed(ElementType.Int64, count, t => t.Uint64Data.AddRange(new ulong[count]))));
        }

        Golden.Check("fields", refusals.ToString());
    }

    [Fact]
    public void NumbersThatDoNotFillTheShapeAreRefused()
    {
        var refusals = new Refusals(_folder);
        foreach (var (count, elements) in new[]
        {
            (4L, 5L),
            (4L, 3L),
            (4000L, 4001L),
            (4000L, 3999L),
            (4000L, 399L),
            (4000L, 1L << 40),
            (4000L, 1L << 31),
        })
        {
            refusals.Expect(
                "MKA006",
                $"{count} numbers for {elements}",
                Model(Typed(ElementType.Int64, elements, t => t.Int64Data.AddRange(new long[count]))));
        }

        refusals.Expect("MKA006", "a number that is cut", CutVarints());
        Golden.Check("numbers", refusals.ToString());
    }

    [Fact]
    public void NumbersThatDoNotFillTheShapeAreNotWrittenEither()
    {
        File.WriteAllBytes(_folder["model.onnx"], CutVarints());
        var model = OnnxModel.Load(_folder["model.onnx"]);
        var refused = Assert.Throws<RefusedException>(
            () => ModelWriter.Plan(model, "copy.onnx", forceExternal: true).Write(_folder.Sub("out")));
        Assert.Equal("MKA006", refused.Refusal.Code);
    }

    [Fact]
    public void NamesOfHostileTensorsCannotReachTheTerminal()
    {
        var refusals = new Refusals(_folder);
        string[] names =
        [
            "\u001b[31mred\u001b[0m",
            "bell\a",
            "two\nlines",
            "over\rwritten",
            "c1\u009b31m",
            "right\u202eto left",
            "zero\u200bwidth",
            "line\u2028separator",
            "del\u007f",
            "tab\t", "nul\0", "private\ue000", new string('n', 100_000), "", "\U0001F600 is a name", "größe",
        ];
        foreach (var name in names)
            refusals.Expect("MKA006", $"{name.Length} characters", Model(With(Raw(ElementType.Float, 15, 4), t => t.Name = name), "x"));
        Golden.Check("names", refusals.ToString());
    }

    [Fact]
    public void NamesThatAreNotUtf8AreRefused()
    {
        var bytes = Model(With(Raw(ElementType.Float, 16, 4), t => t.Name = "abcdef")).ToByteArray();
        bytes[bytes.AsSpan().IndexOf("abcdef"u8)] = 0xFF;
        new Refusals(_folder).Expect("MKA001", "a name that is not UTF-8", bytes);
    }

    private Refusal Refused(ModelProto model) =>
        Assert.Throws<RefusedException>(() => Refusals.LoadWhole(SmallModel.Save(model, _folder.Path))).Refusal;

    private static ModelProto Model(TensorProto tensor, string read = "w")
    {
        var graph = TinyGraph.Of("x -> y", "", $"y = Add(x, {read})");
        graph.Initializer.Add(tensor);
        return new ModelProto { IrVersion = 8, Graph = graph };
    }

    private static TensorProto Raw(ElementType type, int bytes, params long[] dims)
    {
        var tensor = new TensorProto { Name = "w", DataType = (int)type };
        tensor.Dims.AddRange(dims);
        if (bytes > 0) tensor.RawData = ByteString.CopyFrom(new byte[bytes]);
        return tensor;
    }

    private static TensorProto Typed(ElementType type, long elements, Action<TensorProto> fill) => With(Raw(type, 0, elements), fill);

    private static TensorProto With(TensorProto tensor, Action<TensorProto> change)
    {
        var changed = tensor.Clone();
        change(changed);
        return changed;
    }

    private static void Outside(TensorProto tensor)
    {
        tensor.DataLocation = TensorProto.Types.DataLocation.External;
        TensorStore.Entry(tensor, "location", "w.bin");
    }

    /// <summary>raw_data a second time, as protobuf would merge it.</summary>
    private static byte[] Twice(TensorProto tensor)
    {
        return ModelOf([.. tensor.ToByteArray(), .. new TensorProto { RawData = tensor.RawData }.ToByteArray()]);
    }

    private static byte[] ModelOf(byte[] tensor)
    {
        byte[] graph = [.. TinyGraph.Of("x -> y", "", "y = Add(x, w)").ToByteArray(), .. WireBytes.Delimited(5, tensor)];
        return [.. new ModelProto { IrVersion = 8 }.ToByteArray(), .. WireBytes.Delimited(7, graph)];
    }

    /// <summary>2,000 bytes of int64_data of which the last starts a number that does not end; the shape fits the first 1,999.</summary>
    private static byte[] CutVarints()
    {
        byte[] numbers = [.. new byte[1999], 0x80];
        return ModelOf(
            [
                .. new TensorProto { Name = "w", DataType = (int)ElementType.Int64, Dims = { 1999 } }.ToByteArray(),
                .. WireBytes.Delimited(7, numbers),
            ]);
    }
}
