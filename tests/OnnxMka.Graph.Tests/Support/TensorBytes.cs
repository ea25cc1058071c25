namespace OnnxMka.Graph.Tests;

/// <summary>Reads back what a model says its tensors are.</summary>
internal static class TensorBytes
{
    public static Dictionary<string, byte[]> Of(OnnxModel model)
    {
        using var reader = new TensorReader();
        return model.AllTensors().ToDictionary(t => t.Name, reader.ReadBytes, StringComparer.Ordinal);
    }

    public static void AssertSame(IReadOnlyDictionary<string, byte[]> expected, IReadOnlyDictionary<string, byte[]> actual)
    {
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), actual.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, bytes) in expected)
            Assert.True(bytes.AsSpan().SequenceEqual(actual[name]), $"the bytes of {name} differ");
    }
}
