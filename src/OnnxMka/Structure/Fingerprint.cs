using System.Security.Cryptography;
using System.Text;
using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>Tells one model from another without reading all of it: structure, and the first 4 KiB of every tensor.</summary>
internal static class Fingerprint
{
    private const int SampleBytes = 4096;

    /// <summary>SHA-256, lower-case hex.</summary>
    public static string Of(OnnxModel model)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var reader = new TensorReader();
        hash.AppendData(Encoding.UTF8.GetBytes(GraphText.Of(model)));
        var buffer = new byte[SampleBytes];
        foreach (var tensor in model.Graph.Initializers.Values.OrderBy(t => t.Name, StringComparer.Ordinal).Where(
            t => t.Content is FileRange or MemoryBytes))
        {
            var sample = buffer.AsSpan(0, (int)Math.Min(SampleBytes, tensor.Content.Length));
            reader.Read(tensor, 0, sample);
            hash.AppendData(sample);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
