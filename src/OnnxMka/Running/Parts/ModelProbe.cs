using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using OnnxMka.Graph;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Running.Parts;

/// <summary>What a child does with a model: loads it, runs two short sequences, at once where memory allows, and steps.</summary>
internal static class ModelProbe
{
    private const int Sequences = 2;
    private const int Tokens = 16;

    /// <summary>What was run; or why it was not: then this process will meet the same reason, and say so in its place.</summary>
    public static string Answer(IReadOnlyList<string> arguments)
    {
        var target = ExecutionTarget.Choose(arguments[1].ToLowerInvariant(), int.Parse(arguments[2], CultureInfo.InvariantCulture));
        try
        {
            return Run(BlockDetector.Detect(OnnxModel.Load(arguments[0])), target, long.Parse(arguments[3], CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is RefusedException or InputFileException or OnnxRuntimeException)
        {
            return e.Message;
        }
    }

    private static string Run(BlockMap map, ExecutionTarget target, long memory)
    {
        // The first tokens of a vocabulary are there in every one.
        var rows = Enumerable.Range(0, Sequences).Select(s => Enumerable.Range(0, Tokens).Select(t => (s + t) % Tokens).ToArray());
        var set = new CalibrationSet([.. rows], Tokens, "", "");
        var runner = Runner.For(map, set, new RunningOptions { BatchSize = Sequences, Memory = memory, Target = target });
        if (runner.Mode == RunMode.Chain)
        {
            Apart(runner.Chain(map), set);
            return "one block at a time";
        }

        using var session = DecoderSession.Load(map, target);
        session.Logits(set.Samples.SelectMany(s => s).ToArray(), Sequences);
        if (!session.Ports.HasCache) return "whole";
        session.Step(set.Samples[0].AsSpan(0, Tokens - 1));
        session.Step(set.Samples[0].AsSpan(Tokens - 1));
        return "whole and stepped";
    }

    private static void Apart(BlockChain chain, CalibrationSet set)
    {
        using var last = chain.RunBlocks(set);
        chain.RunEpilogue(last, (_, _, _) => { });
    }
}
