using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using OnnxMka.Alignment;
using OnnxMka.Graph;
using OnnxMka.Running.Activations.Files;
using static OnnxMka.Tests.Running.Tokens.ActivationBytes;

namespace OnnxMka.Tests.Running.Tokens;

public sealed class ActivationFileTests : IDisposable
{
    /// <summary>
    /// Both by numpy 1.24.2, once:
    /// <code>
    /// a = (np.arange(24).reshape(2, 3, 4) / 8 - 1).astype('&lt;f2')
    /// b = io.BytesIO(); np.savez_compressed(b, activations=a, labels=np.arange(3)); print(base64.b64encode(b.getvalue()).decode())
    /// b = io.BytesIO(); np.save(b, a.astype('&lt;f8')); print(base64.b64encode(b.getvalue()).decode())
    /// </code>
    /// </summary>
    private const string NumpyNpz =
        "UEsDBBQAAAAIAAAAIQDsV5n+egAAALAAAAAPABQAYWN0aXZhdGlvbnMubnB5AQAQALAAAAAAAAAAegAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBuk2ak"
        + "rqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgrGOgommjoKtQrkAS6GPQy7GXYx7GTYwbCNYQvDBgYGBgMGEwYzBgsGSwYrBmsGmwYbBtsGWwa7"
        + "BjsG+wZ7AFBLAwQUAAAACAAAACEA90AS6kwAAACYAAAACgAUAGxhYmVscy5ucHkBABAAmAAAAAAAAABMAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6T"
        + "aaGuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GsY6mjoKtQoUAC4GKGCE0kxQGgBQSwECFAMUAAAACAAAACEA7FeZ/noAAACwAAAADwAAAAAAAAAA"
        + "AAAAgAEAAAAAYWN0aXZhdGlvbnMubnB5UEsBAhQDFAAAAAgAAAAhAPdAEupMAAAAmAAAAAoAAAAAAAAAAAAAAIABuwAAAGxhYmVscy5ucHlQSwUGAAAAAAIA"
        + "AgB1AAAAQwEAAAAA";

    private const string NumpyNpy =
        "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMsIDQpLCB9ICAgICAgICAgICAgICAgICAg"
        + "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAADwvwAAAAAAAOy/AAAAAAAA6L8AAAAAAADkvwAAAAAAAOC/AAAAAAAA2L8AAAAA"
        + "AADQvwAAAAAAAMC/AAAAAAAAAAAAAAAAAADAPwAAAAAAANA/AAAAAAAA2D8AAAAAAADgPwAAAAAAAOQ/AAAAAAAA6D8AAAAAAADsPwAAAAAAAPA/AAAAAAAA"
        + "8j8AAAAAAAD0PwAAAAAAAPY/AAAAAAAA+D8AAAAAAAD6PwAAAAAAAPw/AAAAAAAA/j8=";

    private static readonly float[] Values = [.. Enumerable.Range(0, 24).Select(i => (i / 8f) - 1)];
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(NumpyNpz)]
    [InlineData(NumpyNpy)]
    public void Reads_what_numpy_wrote(string base64) => Expect(Values, Read(Convert.FromBase64String(base64)));

    [Theory]
    [InlineData("F32", ElementType.Float)]
    [InlineData("F16", ElementType.Float16)]
    [InlineData("BF16", ElementType.BFloat16)]
    [InlineData("F64", ElementType.Double)]
    public void Reads_safetensors_of_every_float_type(string dtype, ElementType type)
    {
        var data = Bytes(Values, type);
        Expect(Values, Read(OneTensor("2,3,4", $"0,{data.Length}", data, dtype)));
    }

    [Fact]
    public void Takes_the_tensor_called_activations_from_several()
    {
        byte[] data = [.. new byte[8], .. Bytes(Values, ElementType.Float)];
        var header = """{"__metadata__":{"format":"pt"},"bias":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}"""
            + ""","activations":{"dtype":"F32","shape":[2,3,4],"data_offsets":[8,104]}}""";
        Expect(Values, Read(Safetensors(header, data)));
    }

    [Theory]
    [InlineData(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4), }\n")]
    [InlineData(2, "{\"shape\":(2,3,4),\"fortran_order\":False,\"descr\":\"<f4\"}")]
    [InlineData(3, "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L, 4L)}   ")]
    public void Reads_npy_of_every_version(byte version, string header) =>
        Expect(Values, Read(Npy(header, Bytes(Values, ElementType.Float), version)));

    [Theory]
    [InlineData(CompressionLevel.NoCompression)]
    [InlineData(CompressionLevel.SmallestSize)]
    public void Reads_npz_members_stored_and_deflated(CompressionLevel level) =>
        Expect(Values, Read(Npz(level, ("only.npy", Npy(Header("<f4", "2, 3, 4"), Bytes(Values, ElementType.Float))))));

    /// <summary>1 + 2^-24 lies between two floats; the even one is 1.</summary>
    [Fact]
    public void Rounds_doubles_to_the_nearest_float()
    {
        double[] doubles = [1 + Math.ScaleB(1, -24), 1 + Math.ScaleB(1.5, -24)];
        var read = Read(Npy(Header("<f8", "1, 1, 2"), MemoryMarshal.AsBytes<double>(doubles).ToArray()));
        Assert.Equal([1f, 1f + MathF.ScaleB(1, -23)], read[0].Values.ToArray());
    }

    [Fact]
    public void Layers_longer_than_one_chunk_are_whole()
    {
        var values = Enumerable.Range(0, 2 * 600_001).Select(i => i * 0.5f).ToArray();
        var read = Read(Npy(Header("<f4", "2, 1, 600001"), Bytes(values, ElementType.Float)));
        Assert.Equal(values[..600_001], read[0].Values.ToArray());
        Assert.Equal(values[600_001..], read[1].Values.ToArray());
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void Values_that_are_not_finite_are_refused_with_layer_sample_and_count(float bad)
    {
        var values = Values.ToArray();
        (values[12 + 4], values[12 + 9]) = (bad, bad);
        var refused = Assert.Throws<RefusedException>(() => Read(Npy(Header("<f4", "2, 3, 4"), Bytes(values, ElementType.Float))));
        Assert.Equal(
            "MKA033 file, layer 1: sample 1 has a value that is not finite (2 values in this layer). "
                + "Compute the activations in a wider type, or leave that sample out.",
            refused.Message);
    }

    [Fact]
    public void A_double_beyond_the_range_of_float_is_refused_as_not_finite()
    {
        var refused = Assert.Throws<RefusedException>(() => Read(Npy(Header("<f8", "1, 1, 1"), BitConverter.GetBytes(1e300))));
        Assert.Equal("MKA033", refused.Refusal.Code);
    }

    public static TheoryData<string, byte[], string> Hostile()
    {
        var data = Bytes(Values, ElementType.Float);
        var good = Npy(Header("<f4", "2, 3, 4"), data);
        var npz = Npz(CompressionLevel.SmallestSize, ("a.npy", good));
        return new TheoryData<string, byte[], string>
        {
            { "empty", [], "it is no safetensors, npz or npy file" },
            { "text", "layers, samples, width\n"u8.ToArray(), "it is no safetensors, npz or npy file" },
            { "safetensors, header longer than the file", Safetensors("{}", data, headerLength: 1 << 20),
                "its header of 1048576 bytes does not fit" },
            { "safetensors, header of 2^63 bytes", Safetensors("{}", data, headerLength: ulong.MaxValue),
                "its header of 18446744073709551615 bytes does not fit" },
            { "safetensors, no JSON", Safetensors("{not json", data), "its header is no list of tensors" },
            { "safetensors, deep JSON", Safetensors("{\"x\":" + new string('[', 100_000), data), "its header is no list of tensors" },
            { "safetensors, one name twice",
                Safetensors($"{{{Tensor("2,3,4", "0,96")},{Tensor("2,3,4", "0,96")}}}", data),
                "its header is no list of tensors" },
            { "safetensors, nothing in it", Safetensors("{}", data), "it holds 0 arrays and none is called 'activations'" },
            { "safetensors, offsets past the end", OneTensor("2,3,4", "8,104", data), "its place [8, 104] is not inside the 96 bytes" },
            { "safetensors, negative offset", OneTensor("2,3,4", "-96,0", data), "its place [-96, 0] is not inside" },
            { "safetensors, offsets backwards", OneTensor("2,3,4", "96,0", data), "its place [96, 0] is not inside" },
            { "safetensors, three offsets", OneTensor("2,3,4", "0,1,96", data), "its place [0, 1, 96] is not inside" },
            { "safetensors, product wraps around to 96", OneTensor("4294967296,4294967296,24", "0,96", data),
                "does not take the 96 bytes" },
            { "safetensors, dimension beyond long", OneTensor("99999999999999999999,1,1", "0,96", data),
                "its header is no list of tensors" },
            { "safetensors, integers", OneTensor("2,3,4", "0,96", data, "I32"), "its elements are of type I32" },
            { "npy, version 9", Npy(Header("<f4", "2, 3, 4"), data, version: 9), "it is no npy array of version 1, 2 or 3" },
            { "npy, cut in the header", good[..20], "its bytes end early" },
            { "npy, cut in the data", good[..^1], "does not take the 95 bytes" },
            { "npy, bytes too many", [.. good, 0], "does not take the 97 bytes" },
            { "npy, header of 4 GB", Npy(Header("<f4", "2, 3, 4"), data, version: 2, headerLength: uint.MaxValue),
                "its header has 4294967295 bytes" },
            { "npy, Fortran order", Npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3, 4), }", data),
                "its elements are in Fortran order" },
            { "npy, big-endian", Npy(Header(">f4", "2, 3, 4"), data), "its elements are of type '>f4'" },
            { "npy, pickled objects", Npy(Header("|O", "2, 3, 4"), data), "its elements are of type '|O'" },
            { "npy, records", Npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3, 4), }", data),
                "its header is no dictionary" },
            { "npy, code in the header", Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4) * 1, }", data),
                "its header is no dictionary" },
            { "npy, key twice", Npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4), }", data),
                "its header is no dictionary" },
            { "npy, negative dimension", Npy(Header("<f4", "-2, 3, 4"), data), "its header is no dictionary" },
            { "npy, product wraps around to 96", Npy(Header("<f4", "4294967296, 4294967296, 24"), data), "does not take the 96 bytes" },
            { "npy, two dimensions", Npy(Header("<f4", "6, 4"), data), "its shape is [6, 4], not [layers, samples, width]" },
            { "npy, no samples", Npy(Header("<f4", "2, 0, 4"), []), "its shape is [2, 0, 4], not" },
            { "npy, a layer each element", Npy(Header("<f2", "100000, 1, 1"), new byte[200_000]), "is beyond 65536 layers" },
            { "npz, cut", npz[..^4], "its archive is damaged" },
            { "npz, no archive", "PK and nothing more"u8.ToArray(), "its archive is damaged" },
            { "npz, no array", Npz(CompressionLevel.Fastest, ("readme.txt", "x"u8.ToArray())), "it holds 0 arrays" },
            { "npz, several arrays", Npz(CompressionLevel.Fastest, ("a.npy", good), ("b.npy", good)),
                "it holds 2 arrays and none is called 'activations'" },
            { "npz, one name twice", Npz(CompressionLevel.Fastest, ("activations.npy", good), ("activations.npy", good)),
                "it holds two arrays called 'activations'" },
            { "npz, member is no npy", Npz(CompressionLevel.Fastest, ("a.npy", "something else, long enough"u8.ToArray())),
                "it is no npy array" },
            { "npz, flipped bit in a stored member",
                Flipped(Npz(CompressionLevel.NoCompression, ("a.npy", good)), 30 + "a.npy".Length + good.Length - 2),
                "its checksum is wrong" },
            { "npz, claims 4 GB", ClaimedSize(npz, 4_000_000_000), "cannot hold the 4000000000 that it claims" },
        };
    }

    [Theory]
    [MemberData(nameof(Hostile))]
    public void Hostile_files_are_refused_in_one_line(string name, byte[] bytes, string why)
    {
        var refused = Assert.Throws<RefusedException>(() => Read(bytes));
        Assert.True(refused.Refusal.Code == "MKA035", name);
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        Assert.StartsWith("MKA035 file", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
        Assert.EndsWith(
            "Give one float array [layers, samples, width] as .safetensors, .npz or .npy.", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>
    /// Bytes set, cut and doubled at random: the result is the values, other values, or a refusal; never another exception.
    /// </summary>
    [Fact]
    public void Mutated_files_are_read_or_refused()
    {
        var data = Bytes(Values, ElementType.Float);
        byte[][] sources =
        [
            Npy(Header("<f4", "2, 3, 4"), data),
            Npz(CompressionLevel.SmallestSize, ("a.npy", Npy(Header("<f4", "2, 3, 4"), data))),
            Convert.FromBase64String(NumpyNpz),
            Safetensors("""{"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[2,3,4],"data_offsets":[0,96]}}""", data),
        ];
        var random = new Random(20261120);
        var refused = 0;
        for (var round = 0; round < 4000; round++)
        {
            var bytes = sources[round % sources.Length].ToArray();
            for (var edits = random.Next(1, 5); edits > 0; edits--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            if (random.Next(4) == 0) bytes = bytes[..random.Next(bytes.Length)];
            try
            {
                Read(bytes);
            }
            catch (RefusedException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 1000, 4000);
    }

    [Fact]
    public void A_file_that_is_not_there_is_a_failure_of_the_call()
    {
        var missing = _folder["none.npy"];
        Assert.Equal(
            $"Cannot read {missing}: there is no such file.",
            Assert.Throws<InputFileException>(() => ActivationFile.Read(missing)).Message);
        Assert.Throws<InputFileException>(() => ActivationFile.Read(_folder.FullPath));
    }

    private static void Expect(float[] values, SampleMatrix[] read)
    {
        Assert.Equal(2, read.Length);
        Assert.All(read, m => Assert.Equal((3, 4), (m.Samples, m.Features)));
        Assert.Equal(values, read.SelectMany(m => m.Values.ToArray()));
    }

    private SampleMatrix[] Read(byte[] bytes)
    {
        File.WriteAllBytes(_folder["file"], bytes);
        return ActivationFile.Read(_folder["file"]);
    }
}
