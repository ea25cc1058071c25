using OnnxMka.Forge;
using OnnxMka.Jobs;
using OnnxMka.Recipes;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Tokens;
using OnnxMka.Steps.Comparing;
using OnnxMka.Steps.Correcting;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Merging;
using OnnxMka.Steps.Refitting;
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
        if (!File.Exists(ids))
        {
            File.WriteAllLines(
                ids,
                Enumerable.Range(0, Ids).Select(
                    _ => $"[{string.Join(',', Enumerable.Range(0, Length).Select(_ => random.Next(Vocabulary)))}]"));
        }

        var model = Path.Combine(folder, "model.onnx");
        File.WriteAllBytes(model, Model(seed));
        var options = new CompressionOptions
        {
            Input = model,
            Output = new() { Path = Path.Combine(folder, "out"), Force = true },
            Running = new() { BatchSize = 4, Mode = random.Next(4) == 0 ? RunMode.Chain : null },
            Evaluate = random.Next(4) == 0,
            Check = random.Next(4) == 0,
            Recipe = new Recipe
            {
                Steps = [new Drop { Count = 1, Select = "tail", ProtectFirst = 0, ProtectLast = 0 }],
                Calibration = new() { IdsFile = ids, Samples = CalibrationSet.MinSamples, Length = Length, HeldBackSamples = 4 },
            },
        };
        var drop = new Drop { Count = 1, ProtectFirst = 0, ProtectLast = 0 };
        var merge = new Merge { Count = 1, ProtectFirst = 0, ProtectLast = 0 };
        return random.Next(8) switch
        {
            0 => With(drop),
            1 => With(merge),
            2 => With(merge with { Select = "tail", Alpha = 0.6 }),
            3 => With(drop with { Select = "bi" }, new Refit()),
            4 => With(drop with { Select = "greedy-loss" }),
            5 => options with { Recipe = options.Recipe with { Granularity = Granularity.Sublayer } },
            6 => With(drop with { Select = "cka" }, new Correct()),
            _ => options,
        };

        CompressionOptions With(params ReadOnlySpan<Bench.Step> steps) =>
            options with { Recipe = options.Recipe with { Steps = [.. steps] } };
    }
}
