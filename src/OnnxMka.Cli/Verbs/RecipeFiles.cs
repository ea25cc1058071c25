using System.CommandLine;
using OnnxMka.Recipes;

namespace OnnxMka.Cli.Verbs;

/// <summary>Recipes as files: one that takes the place of the flags, one that says what they meant.</summary>
internal sealed class RecipeFiles
{
    public Option<FileInfo?> In { get; } = new("--recipe") { Description = "Steps, calibration and scoring from a file (.json, .yaml) in place of their options" };

    public Option<FileInfo?> Out { get; } = new("--recipe-out") { Description = "Write them as such a file (.json, .yaml)" };

    public IEnumerable<Option> All => [In, Out];

    /// <summary>The recipe that was given; null for none. Throws <see cref="UsageException"/> where a flag says what the recipe says.</summary>
    /// <param name="sugar">Options that a recipe takes the place of.</param>
    public Recipe? Read(ParseResult parsed, IEnumerable<Option> sugar)
    {
        foreach (var option in All.OfType<Option<FileInfo?>>())
        {
            if (parsed.GetValue(option) is { } named && !RecipeFile.IsNamed(named.Name))
                throw new UsageException($"{option.Name} {named}: a recipe's name ends in {string.Join(", ", RecipeFile.Extensions)}.");
        }

        if (parsed.GetValue(In) is not { } file) return null;
        if (sugar.FirstOrDefault(o => parsed.GetResult(o) is { Implicit: false }) is { } said)
            throw new UsageException($"{said.Name} is for the recipe to say: leave out {said.Name} or --recipe.");
        return RecipeFile.Read(TextFile.Read(file), file.Name);
    }

    /// <summary>Writes what was done, where that was asked for.</summary>
    public void Write(ParseResult parsed, Recipe recipe)
    {
        if (parsed.GetValue(Out) is { } file) TextFile.Write(file, RecipeFile.Write(recipe, file.Name));
    }
}
