using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace OnnxMka.Bench;

/// <summary>Tells one job from another: all that losses depend on beside the steps.</summary>
internal static class JournalKey
{
    public static string Of(ModelState input, BenchText text, string device)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var blocks = string.Join(',', input.Structure.Blocks.Select(b => b.Name));
        hash.AppendData(Encoding.UTF8.GetBytes($"journal 1\n{input.Key}\n{blocks}\n{device}\n"));
        foreach (var sample in text.HeldOut.Samples.Concat(text.Of(TextAmount.Usual).Fit.Samples))
            hash.AppendData(MemoryMarshal.AsBytes<int>(sample));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
