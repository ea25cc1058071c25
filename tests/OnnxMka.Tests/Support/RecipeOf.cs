using System.Globalization;
using OnnxMka.Bench;
using OnnxMka.Jobs;
using OnnxMka.Recipes;
using OnnxMka.Running.Tokens;
using OnnxMka.Steps.Dropping;

namespace OnnxMka.Tests;

/// <summary>Recipes that many tests go through.</summary>
internal static class RecipeOf
{
    public static Recipe Steps(params ReadOnlySpan<Step> steps) => new() { Steps = [.. steps] };

    /// <summary>These blocks go, and nothing else changes.</summary>
    public static Recipe Drop(params IEnumerable<int> blocks) => Steps(new Drop { Blocks = [.. blocks.Select(Name)] });

    /// <summary>The last unprotected blocks go.</summary>
    public static Recipe DropTail(int count) => Steps(new Drop { Count = count, Select = "tail" });

    /// <summary>A block as a recipe names it.</summary>
    public static string Name(int block) => block.ToString(CultureInfo.InvariantCulture);

    /// <summary>The same text and other steps.</summary>
    public static CompressionOptions With(this CompressionOptions options, params ReadOnlySpan<Step> steps) =>
        options with { Recipe = options.Recipe with { Steps = [.. steps] } };

    /// <summary>The same steps on another text.</summary>
    public static CompressionOptions On(this CompressionOptions options, CalibrationOptions text) =>
        options with { Recipe = options.Recipe with { Calibration = text } };
}
