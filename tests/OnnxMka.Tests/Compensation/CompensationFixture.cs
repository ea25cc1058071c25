using System.Text.Json;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Measuring;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Steps.Comparing;
using OnnxMka.Steps.Correcting;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Compensation;

/// <summary>What the oracle was made with: six windows to fit on, two to measure, blocks 6, 7, 9 and 10 dropped.</summary>
internal static class CompensationFixture
{
    public static int[] Removed { get; } = [6, 7, 9, 10];

    public static CalibrationSet Fit { get; } = Windows(0, 6);

    public static CalibrationSet Test { get; } = Windows(6, 2);

    public static JsonElement Oracle { get; } = JsonDocument.Parse(
        File.ReadAllBytes(Path.Combine(Books16.Root, "tests", "OnnxMka.Tests", "Compensation", "oracle.json"))).RootElement;

    public static BlockChain Chain(BlockMap map) => BlockChain.Of(map, ExecutionTarget.Cpu);

    public static CalibrationSet Windows(int first, int count) =>
        new([.. ReferenceFile.Instance.Windows.Skip(first).Take(count)], 128, "reference windows", "");

    private static readonly System.Collections.Concurrent.ConcurrentBag<ScratchFile> Files = [];

    static CompensationFixture() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        foreach (var file in Files) file.Dispose();
    };

    /// <summary>One more file for corrected weights, which goes with the process.</summary>
    public static ScratchFile Scratch()
    {
        var scratch = new ScratchFile();
        Files.Add(scratch);
        return scratch;
    }

    /// <summary>The dropped model, corrected.</summary>
    /// <param name="correction">Null for none.</param>
    public static (RewrittenModel Model, IReadOnlyList<CompensationStep> Steps) Run(
        BlockMap map, CorrectionStep? correction, CalibrationSplit? split = null, int batch = 8, params int[] removed)
    {
        var plan = MergePlanner.Plan(
            map, null, new PlanOptions { Method = Method.Drop, Named = [.. removed.Length > 0 ? removed : Removed] }, "");
        var reduced = ModelRewriter.Reduce(map, plan);
        if (correction is null) return (ModelRewriter.Renumber(map, plan, reduced), []);
        using var seams = SplitSeams.Of(Chain(map), split ?? new CalibrationSplit(Fit, null));
        var (model, steps) = Pass.Run(
            reduced, plan, seams, correction.Work(), new ChainOptions { BatchSize = batch }, ExecutionTarget.Cpu, Scratch());
        return (ModelRewriter.Renumber(map, plan, model), steps);
    }

    public static double Perplexity(RewrittenModel model) =>
        OnnxMka.Measuring.Perplexity.Measure(Runners.Whole(8), model.Blocks, Test).Value;

    /// <summary>A correction by its name; null for <c>none</c>.</summary>
    public static CorrectionStep? Options(string kind, int passes = 1) =>
        kind == "none" ? null : (CorrectionStep)CorrectionNames.Step(kind, null, passes);
}
