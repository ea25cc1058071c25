using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Jobs;
using OnnxMka.Structure;

namespace OnnxMka.Tests;

/// <summary>A decoder of six narrow blocks with random weights, and rows of token ids: whole commands run on it in a blink.</summary>
internal static class SmallDecoder
{
    public const int Blocks = 6;

    private const int Vocabulary = 97;

    private static readonly Lazy<BlockMap> Built = new(() =>
    {
        using var folder = new TempFolder();
        var spec = LlamaPresets.TorchScriptLlama.Spec;
        spec = spec with { Blocks = [.. Enumerable.Repeat(spec.Blocks[0], Blocks)] };
        DecoderForge.WriteFolder(spec, RandomWeights.For(spec, 20), folder.FullPath);
        var map = BlockDetector.Detect(OnnxModel.Load(folder["model.onnx"]));
        // The weights lie in the file, which goes.
        using var reader = new TensorReader();
        var script = new Graph.Editing.EditScript();
        foreach (var tensor in map.Model.Graph.Initializers.Values)
            script.Add("test", new Graph.Editing.GraphEdit.ReplaceInitializer(tensor.Name, new MemoryBytes(reader.ReadBytes(tensor))));
        return BlockDetector.Detect(Graph.Editing.GraphEditor.Apply(map.Model, script));
    });

    public static BlockMap Map => Built.Value;

    /// <summary>Options that run a model of that vocabulary from a folder with these rows.</summary>
    public static CompressionOptions Write(BlockMap map, string folder)
    {
        Directory.CreateDirectory(folder);
        ModelWriter.Plan(map.Model, "model.onnx").Write(folder);
        var ids = Path.Combine(folder, "ids.jsonl");
        File.WriteAllLines(
            ids,
            Enumerable.Range(0, 80).Select(
                i => $"[{string.Join(',', Enumerable.Range(0, 16).Select(t => ((i * 29) + (t * t * 5) + (i * t)) % Vocabulary))}]"));
        return new CompressionOptions
        {
            Input = Path.Combine(folder, "model.onnx"),
            Recipe = new() { Calibration = new() { IdsFile = ids, Samples = 32, Length = 16, HeldBackSamples = 8 } },
        };
    }
}
