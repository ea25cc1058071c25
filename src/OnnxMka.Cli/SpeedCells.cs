using OnnxMka.Measuring;
using Spectre.Console;

namespace OnnxMka.Cli;

/// <summary>Speed and memory of a model as cells of a table.</summary>
internal static class SpeedCells
{
    /// <summary>Prefill, decode, memory.</summary>
    public static string[] Of(ModelSpeed? speed) =>
        speed is null
            ? ["-", "-", "-"]
            :
            [
                Cell(speed.Prefill),
                speed.Decode is { } decode ? Cell(decode) : "-",
                speed.MemoryBytes > 0 ? Sizes.Text(speed.MemoryBytes) : "-",
            ];

    public static void Explain(IAnsiConsole console, SpeedTable? speed)
    {
        if (speed is null) return;
        var runs = $"{speed.Rounds} runs in turns, {speed.PromptTokens} tokens at once, then {speed.DecodedTokens} one by one";
        console.MarkupLineInterpolated(
            $"speed: median (slowest to fastest) of {runs}; memory: growth on loading and the first run");
    }

    private static string Cell(Rate rate) => $"{rate.Median:N0} ({rate.Low:N0} to {rate.High:N0})";
}
