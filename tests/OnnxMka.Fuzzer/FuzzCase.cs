using OnnxMka.Compensation;
using OnnxMka.Forge;
using OnnxMka.Jobs;
using OnnxMka.Planning;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Tokens;
using OnnxMka.Selection;
using OnnxMka.Structure;

namespace OnnxMka.Fuzzer;

/// <summary>One damaged model and what is done with it, both by its seed.</summary>
internal static class FuzzCase
{
    private const int OperatorEach = 4;
    private const int Ids = 60;
    private const int Length = 16;
    private const int Vocabulary = 64; // below that of every form

    private static readonly Preset[] Forms = [.. Presets.All];

    /// <summary>One case in four is an operator alone.</summary>
    public static bool IsOperator(int seed) => seed % OperatorEach == 0;

    /// <summary>A form by name, or a decoder drawn at random; damaged in its graph, in its numbers, or both.</summary>
    public static byte[] Model(int seed)
    {
        var random = new Random(seed);
        var form = random.Next(3) == 0 ? RandomDecoder.Model(random.Next(5000)) : Forms[random.Next(Forms.Length)].Model();
        var bytes = DecoderForge.Build(form);
        var kind = random.Next(8);
        if (kind > 0) bytes = OperatorDamage.Of(bytes, seed);
        if (kind < 2) bytes = GraphDamage.Of(bytes, seed);
        return bytes;
    }

    /// <summary>Writes the model and its token ids into a folder, and says what is to be done with them.</summary>
    public static CompressionOptions Prepare(int seed, string folder)
    {
        var random = new Random(~seed);
        var ids = Path.Combine(folder, "ids.jsonl");
        if (!File.Exists(ids)) File.WriteAllLines(ids, Enumerable.Range(0, Ids).Select(_ => $"[{string.Join(',', Enumerable.Range(0, Length).Select(_ => random.Next(Vocabulary)))}]"));
        var model = Path.Combine(folder, "model.onnx");
        File.WriteAllBytes(model, Model(seed));
        var options = new CompressionOptions
        {
            Input = model,
            Output = new() { Path = Path.Combine(folder, "out"), Force = true },
            Calibration = new() { IdsFile = ids, Samples = CalibrationSet.MinSamples, Length = Length, HeldBackSamples = 4 },
            Running = new() { BatchSize = 4, Mode = random.Next(4) == 0 ? RunMode.Chain : null },
            Evaluate = random.Next(4) == 0,
            Check = random.Next(4) == 0,
            Plan = new PlanOptions { Method = Method.Drop, Count = 1, Order = Order.Tail, ProtectFirst = 0, ProtectLast = 0 },
        };
        return random.Next(8) switch
        {
            0 => options with { Plan = options.Plan with { Order = Order.Similarity } },
            1 => options with { Plan = options.Plan with { Method = Method.Mka, Order = Order.Similarity } },
            2 => options with { Plan = options.Plan with { Method = Method.Mka, Alpha = 0.6 } },
            3 => options with { Select = SelectionKind.Bi, Compensate = new CompensationOptions { Kind = CompensationKind.Refit } },
            4 => options with { Select = SelectionKind.GreedyLoss },
            5 => options with { Granularity = Granularity.Sublayer },
            6 => options with { Select = SelectionKind.Cka, Compensate = new CompensationOptions { Kind = CompensationKind.Auto } },
            _ => options,
        };
    }
}
