using OnnxMka.Compensation;
using OnnxMka.Jobs;
using OnnxMka.Matching;
using OnnxMka.Planning;
using OnnxMka.Selection;
using Spectre.Console;

namespace OnnxMka.Cli;

/// <summary>What was chosen, and the steps of the correction.</summary>
internal static class QualityTables
{
    public static void Print(IAnsiConsole console, CompressionResult result)
    {
        if (result.Search is { } search) Trials(console, search, result.Plan);
        if (result.Selection is { Chosen.Length: > 0 } selection)
            console.MarkupLineInterpolated($"chosen by {SelectionNames.Of(selection.Kind)}: {string.Join(", ", selection.Chosen.Select(c => Choice(c, result.Plan)))}");
        if (result.Merging is { } merging) Merging(console, merging);
        if (result.Compensation is { } compensation) Steps(console, compensation, result.Plan);
    }

    private static string Choice(SelectedBlock choice, MergePlan plan)
    {
        var (taken, left) = choice.Alpha is null ? ("dropped", "merged") : ("merged", "dropped");
        return $"{plan.NameOf(choice.Block)} ({choice.Score:0.0000}{(choice.OtherScore is { } other ? $" {taken}, {other:0.0000} {left}" : "")})";
    }

    /// <summary>Names the correction behind "dropped" or "merged".</summary>
    public static string Suffix(CompressionResult result) => result.Compensation is { Kind: not CompensationKind.None and var kind } ? $", {Name(kind)}" : "";

    private static void Merging(IAnsiConsole console, MergeReport merging)
    {
        if (merging.Matches.Length > 0)
        {
            var table = ResultTables.Table("block", "into", "units", "moved", "correlation before", "after");
            foreach (var m in merging.Matches) table.AddRow(m.Block.ToString(), m.Into.ToString(), m.Units.ToString().ToLowerInvariant(), $"{m.Moved} of {m.Count}", m.Before.ToString("0.0000"), m.After.ToString("0.0000"));
            console.Write(table);
        }

        foreach (var fit in merging.Fits)
        {
            var shares = fit.Kept ? string.Join(", ", fit.Shares.Select(s => $"{s.Role} {s.Alpha:0.00}")) : "the planned shares stay";
            console.MarkupLineInterpolated($"shares of block {fit.Block}: held-out error {fit.ErrorBefore:0.0000} -> {fit.ErrorAfter:0.0000}: {shares}");
        }
    }

    private static void Trials(IAnsiConsole console, SearchReport search, MergePlan plan)
    {
        var table = ResultTables.Table("tried", "blocks dropped", "correction", "held-out perplexity", "seconds");
        for (var i = 0; i < search.Trials.Length; i++)
        {
            var trial = search.Trials[i];
            table.AddRow(
                (trial.Selection is { } kind ? SelectionNames.Of(kind) : "exchange") + (i == search.Chosen ? " (taken)" : ""),
                string.Join(',', trial.Removed.Select(plan.NameOf)),
                Name(trial.Compensation),
                trial.HeldOutPerplexity?.ToString("0.00") ?? "not finite",
                trial.Seconds.ToString("0.0"));
        }

        console.Write(table);
        console.MarkupLineInterpolated($"{search.Why}{(search.Complete ? "" : " (the budget ended the search; a larger --budget tries more)")}");
    }

    private static void Steps(IAnsiConsole console, CompensationReport compensation, MergePlan plan)
    {
        foreach (var trial in compensation.Trials) console.MarkupLineInterpolated($"{Name(trial.Kind)}: perplexity {trial.HeldOutPerplexity?.ToString("0.00") ?? "not finite"} on held-out calibration text");
        if (compensation.Steps.Length == 0) return;
        var table = ResultTables.Table("block", Name(compensation.Kind), "error before", "after", "ridge", "");
        foreach (var step in compensation.Steps)
        {
            table.AddRow(
                plan.NameOf(step.Block),
                ResultTables.Untrusted(step.Place),
                step.ErrorBefore?.ToString("0.0000") ?? "-",
                step.ErrorAfter?.ToString("0.0000") ?? "-",
                step.Ridge?.ToString("0e+0") ?? "-",
                step.Kept ? "kept" : $"left out: {ResultTables.Untrusted(step.Note ?? "")}");
        }

        console.Write(table);
        console.WriteLine("errors: distance from the original stream behind that block, relative, on held-out calibration tokens");
    }

    private static string Name(CompensationKind kind) => kind.ToString().ToLowerInvariant();
}
