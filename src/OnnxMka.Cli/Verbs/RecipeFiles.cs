using System.CommandLine;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Jobs;
using OnnxMka.Recipes;
using OnnxMka.Selection;
using OnnxMka.Structure;

namespace OnnxMka.Cli.Verbs;

/// <summary>Recipes as files: one that takes the place of the flags, one that says what they meant.</summary>
internal sealed class RecipeFiles
{
    public Option<FileInfo?> In { get; } =
        new("--recipe") { Description = "Steps, calibration and scoring from a file (.json, .yaml) in place of their options" };

    public Option<FileInfo?> Out { get; } = new("--recipe-out") { Description = "Write them as such a file (.json, .yaml)" };

    /// <summary>What was decided, with hashes: to be run again to the same bytes.</summary>
    public Option<FileInfo?> Lock { get; } =
        new("--lock") { Description = "Write all that was decided, with hashes of input and result, for --recipe (.json)" };

    public IEnumerable<Option> All => [In, Out, Lock];

    /// <summary>
    /// The recipe that was given; null for none. Throws <see cref="UsageException"/> where a flag says what the recipe says.
    /// </summary>
    /// <param name="sugar">Options that a recipe takes the place of.</param>
    public (Recipe? Recipe, LockFile? Lock) Read(ParseResult parsed, IEnumerable<Option> sugar)
    {
        foreach (var option in All.OfType<Option<FileInfo?>>())
        {
            if (parsed.GetValue(option) is { } named && !RecipeFile.IsNamed(named.Name))
                throw new UsageException($"{option.Name} {named}: a recipe's name ends in {string.Join(", ", RecipeFile.Extensions)}.");
        }

        if (parsed.GetValue(In) is not { } file) return default;
        if (sugar.FirstOrDefault(o => parsed.GetResult(o) is { Implicit: false }) is { } said)
            throw new UsageException($"{said.Name} is for the recipe to say: leave out {said.Name} or --recipe.");
        return LockFile.ReadEither(TextFile.Read(file), file.Name, Kinds.BuiltIn, Selectors.BuiltIn);
    }

    /// <summary>Files that a run depends on: model, data, tokenizer, text.</summary>
    public static IEnumerable<string> Inputs(CompressionOptions options)
    {
        var location = ModelLocation.Find(options.Input);
        var tokenizer = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(location.ModelPath))!, "tokenizer.json");
        string?[] files = [tokenizer, options.Recipe.Calibration.TextFile, options.Recipe.Calibration.IdsFile];
        return OnnxModel.Load(location.ModelPath).Files.Prepend(location.ModelPath).Concat(files.OfType<string>().Where(File.Exists));
    }

    /// <summary>Writes the lock of a run, where that was asked for.</summary>
    public void WriteLock(ParseResult parsed, CompressionResult result, CompressionOptions options)
    {
        if (parsed.GetValue(Lock) is not { } file || result.Emitted is not { } emitted) return;
        var decided = new LockFile(
            options.Recipe with
            {
                Steps = result.Steps,
                Calibration = result.Calibration,
                Granularity = result.Blocks.HalfNames is null ? Granularity.Block : Granularity.Sublayer,
            },
            options.Output.KeepNames,
            options.Output.ForceExternalData,
            options.Running.Target.Name,
            LockFile.Hashes(Inputs(options)),
            LockFile.Hashes(emitted.Written.Files.Select(f => f.Key)));
        TextFile.Write(file, decided.Write(options.Kinds));
    }

    /// <summary>Writes what was done, where that was asked for.</summary>
    public void Write(ParseResult parsed, Recipe recipe)
    {
        if (parsed.GetValue(Out) is { } file) TextFile.Write(file, RecipeFile.Write(recipe, file.Name));
    }
}
