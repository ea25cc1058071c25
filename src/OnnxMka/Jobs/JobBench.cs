using OnnxMka.Bench;
using OnnxMka.Outcomes;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Jobs;

/// <summary>The bench of a job, whether it goes through one recipe or through many.</summary>
internal static class JobBench
{
    /// <param name="speed">Where it was probed; else null.</param>
    /// <param name="outputPath">Of the model that will be written; its file name counts to its size.</param>
    public static Workbench Open(
        CompressionOptions options,
        BlockMap map,
        string outputPath,
        Texts texts,
        MachineSpeed? speed,
        StageClock clock,
        IProgressSink progress,
        CancellationToken ct)
    {
        var setting = new BenchOptions
        {
            Kinds = options.Kinds,
            Running = options.Running,
            Scoring = options.Recipe.Scoring,
            Clock = clock,
            Evaluates = options.Evaluate,
            KeepNames = options.Output.KeepNames,
            OutputName = Path.GetFileName(outputPath),
            ForceExternalData = options.Output.ForceExternalData,
            Ahead = options.Recipe.Steps,
            Budget = options.Budget,
            Speed = speed,
            JournalFile = options.JournalFile,
        };
        return new Workbench(map, Fingerprint.Of(map.Model), setting, texts, progress, ct);
    }
}
