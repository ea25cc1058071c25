namespace OnnxMka.Tests.Recipes;

/// <summary>The command with recipes.</summary>
public sealed class RecipeCommandTests : IDisposable
{
    private static readonly string[] Few = ["--no-eval", "--no-verify", "--quiet"];

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>What was written by flags is written again by the recipe that they meant, byte for byte.</summary>
    [Theory]
    [InlineData("r.json", "--blocks 11,13 --method drop --compensate refit --calib-samples 32 --seq-len 16")]
    [InlineData("r.yaml", "--ratio 0.2 --method drop --select bi --calib-samples 40 --seq-len 16 --seed 3")]
    [InlineData("r.yml", "--layers-removed 1 --calib-samples 32 --seq-len 16 --pool last")]
    public void The_same_bytes(string name, string flags)
    {
        Run(["flags", .. flags.Split(' '), "--recipe-out", _folder[name]]);
        var text = File.ReadAllText(_folder[name]);
        Run(["recipe", "--recipe", _folder[name], "--recipe-out", _folder["again" + Path.GetExtension(name)]]);
        Assert.Equal(text, File.ReadAllText(_folder["again" + Path.GetExtension(name)]));
        var files = Directory.GetFiles(_folder["flags"]).Select(Path.GetFileName).Order().ToArray();
        Assert.Equal(files, Directory.GetFiles(_folder["recipe"]).Select(Path.GetFileName).Order());
        Assert.All(
            files,
            f => Assert.Equal(
                File.ReadAllBytes(Path.Combine(_folder["flags"], f!)), File.ReadAllBytes(Path.Combine(_folder["recipe"], f!))));
    }

    [Theory]
    [InlineData("--ratio", "0.2")]
    [InlineData("--method", "drop")]
    [InlineData("--refit-passes", "1")]
    [InlineData("--granularity", "block")]
    [InlineData("--plan", "plan.json")]
    [InlineData("--calib-samples", "64")]
    [InlineData("--eval-samples", "64")]
    [InlineData("--sigma", "1")]
    public void A_flag_beside_a_recipe(string flag, string value)
    {
        File.WriteAllText(_folder["r.yaml"], "version: 1\nsteps: [drop: { count: 1 }]\n");
        var result = ToolProcess.Run([Books16.Folder, _folder["out"], "--recipe", _folder["r.yaml"], flag, value]);
        Assert.Equal(2, result.ExitCode);
        Assert.Equal($"onnx-mka: {flag} is for the recipe to say: leave out {flag} or --recipe.", result.ErrorLines[^1]);
    }

    [Theory]
    [InlineData("r.txt", "version: 1", 2, "a recipe's name ends in .json, .yaml, .yml")]
    [InlineData("r.yaml", "version: 1\nsteps: [drop: { ratio: yes }]", 3, "MKA066 r.yaml, steps[0].drop.ratio: 'yes' is not a number.")]
    public void What_is_no_recipe(string name, string text, int code, string line)
    {
        File.WriteAllText(_folder[name], text);
        var result = ToolProcess.Run([Books16.Folder, _folder["out"], "--recipe", _folder[name]]);
        Assert.Contains(line, result.ErrorLines[^1], StringComparison.Ordinal);
        Assert.Equal(code, result.ExitCode);
    }

    /// <summary>No recipe is written over what the command reads.</summary>
    [Fact]
    public void Names()
    {
        File.WriteAllText(_folder["r.yaml"], "version: 1\nsteps: [drop: { count: 1, select: tail }]\n");
        var result = ToolProcess.Run(
            [Books16.Folder, _folder["out"], "--recipe", _folder["r.yaml"], "--recipe-out", _folder["r.yaml"], .. Few]);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("--recipe-out would write", result.ErrorLines[^1], StringComparison.Ordinal);
    }

    private void Run(string[] arguments)
    {
        var result = ToolProcess.Run([Books16.Folder, _folder[arguments[0]], .. arguments[1..], .. Few]);
        Assert.Equal("", result.Errors);
        Assert.Equal(0, result.ExitCode);
    }
}
