using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Structure;

namespace OnnxMka.Benchmarks;

/// <summary>Finding blocks: a graph of the usual size, growth to a hundred thousand nodes, and reading many tensors.</summary>
internal static class Detection
{
    public static IEnumerable<Row> Run(string work, string books16)
    {
        var model = OnnxModel.Load(books16);
        // The first call compiles the detector as it goes; a published tool (make publish) brings it compiled.
        var first = Measured.Time(() => BlockDetector.Detect(model)) * 1000;
        var usual = Measured.Median(9, () => BlockDetector.Detect(model)) * 1000;
        yield return new Row(
            $"detect blocks, {model.Graph.Nodes.Count:N0} nodes",
            $"{usual:0} ms",
            $"first call {first:0} ms",
            "",
            "under 100 ms at 3,000 nodes",
            usual < 100);
        var (small, smallNodes) = Time(work, 100);
        var (large, largeNodes) = Time(work, 1000);
        // n log n: the ratio of times may not pass that of n log n by more than half, which is timer noise.
        var allowed = largeNodes * Math.Log(largeNodes) / (smallNodes * Math.Log(smallNodes)) * 1.5;
        yield return new Row(
            $"detect blocks, {largeNodes:N0} nodes (1,000 blocks)",
            $"{large:0} ms",
            $"{smallNodes:N0} nodes {small:0} ms",
            $"{large / small:0.0}",
            $"no worse than n log n: {allowed:0.0}",
            large / small <= allowed);
        var tensors = Path.Combine(work, "tensors.onnx");
        WriteBlocks(tensors, MixedPresets.MoEUnfused.Spec, 64);
        var count = OnnxModel.Load(tensors).Graph.Initializers.Count;
        var read = Measured.Median(5, () => OnnxModel.Load(tensors));
        yield return new Row(
            $"read the structure of 64 blocks (mixture of experts), {count:N0} tensors",
            $"{read * 1000:0} ms",
            "",
            "",
            "under 1 s",
            read < 1);
    }

    private static (double Milliseconds, int Nodes) Time(string work, int blocks)
    {
        var path = Path.Combine(work, $"blocks-{blocks}.onnx");
        // About a hundred nodes a block.
        WriteBlocks(path, Presets.ByName("DynamoConstantWeights").Spec, blocks);
        var model = OnnxModel.Load(path);
        return (Measured.Median(3, () => BlockDetector.Detect(model)) * 1000, model.Graph.Nodes.Count);
    }

    private static void WriteBlocks(string path, DecoderSpec spec, int blocks)
    {
        if (File.Exists(path)) return;
        var network = spec.Network with { Hidden = 16, Heads = 2, KvHeads = 1, HeadSize = 8, Inner = 16, Experts = 50 };
        spec = spec with { Network = network, Blocks = [.. Enumerable.Repeat(spec.Blocks[0], blocks)] };
        File.WriteAllBytes(path, DecoderForge.Build(spec, RandomWeights.For(spec, 1)));
    }
}
