using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Structure;
using ForgeSession = OnnxMka.Forge.DecoderSession;

namespace OnnxMka.Tests.Running.Sessions;

/// <summary>A small decoder whose ports were changed, on disk, and what the network answers in the builder's own session.</summary>
internal sealed class BuiltDecoder : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly DecoderModel _built;

    public BuiltDecoder(DecoderModel built, Func<byte[], byte[]>? disguise = null)
    {
        _built = built;
        var bytes = DecoderForge.Build(built);
        File.WriteAllBytes(Path, disguise is null ? bytes : disguise(bytes));
        try
        {
            Map = BlockDetector.Detect(OnnxModel.Load(Path));
        }
        catch
        {
            _folder.Dispose();
            throw;
        }
    }

    public BuiltDecoder(string preset, Func<byte[], byte[]>? disguise = null)
        : this(Presets.ByName(preset).Model(), disguise)
    {
    }

    public string Path => _folder["model.onnx"];

    /// <summary>A file that is not there yet.</summary>
    public string Other => _folder["other.onnx"];

    public BlockMap Map { get; }

    /// <summary>Ids of the vocabulary.</summary>
    public int[] Ids(int count, int seed = 1) => [.. Enumerable.Range(seed, count).Select(i => i * 37 % _built.Spec.Network.Vocabulary)];

    /// <summary>JSON lines of ids for calibration and what is held back from it.</summary>
    public string IdFile(int rows = 50, int length = 16)
    {
        File.WriteAllLines(_folder["ids.jsonl"], Enumerable.Range(0, rows).Select(r => $"[{string.Join(", ", Ids(length, (r * 5) + 1))}]"));
        return _folder["ids.jsonl"];
    }

    /// <summary>
    /// Logits of the network, [tokens, vocabulary], from the graph that the builder writes, and how far another graph's may lie from them.
    /// </summary>
    public (float[] Logits, double Tolerance) Expected(int[] ids)
    {
        using var session = new ForgeSession(DecoderForge.Build(_built));
        var logits = session.Prefill(ids).Logits;
        return (logits, LogitTolerance.For(_built, logits));
    }

    public void Dispose() => _folder.Dispose();
}
