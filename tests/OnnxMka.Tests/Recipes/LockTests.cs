using System.Text.Json.Nodes;

namespace OnnxMka.Tests.Recipes;

/// <summary>A run that is run again from its lock, and a search that was cut off.</summary>
public sealed class LockTests
{
    private static readonly string[] Few = ["--calib-samples", "32", "--seq-len", "16"];
    private static readonly string[] Quick = ["--no-eval", "--no-verify", "--ep", "cpu"];

    [Theory]
    [InlineData("--blocks", "2", "--method", "best", "--budget", "1h")]
    [InlineData("--layers-removed", "1", "--select", "bi", "--compensate", "auto", "--keep-names")]
    [InlineData("--layers-removed", "1", "--alpha", "fit", "--compensate", "linear")]
    [InlineData("--ratio", "0", "--compensate", "none")]
    public void A_lock_gives_the_same_bytes(params string[] arguments)
    {
        using var folder = new TempFolder();
        var ids = SmallDecoder.Write(SmallDecoder.Map, folder["in"]).Recipe.Calibration.IdsFile!;
        string[] few = ["--calib-ids", ids, .. Few, .. Quick, "--quiet", "--lock", folder["lock.json"]];
        var first = ToolProcess.RunAsTyped([folder["in"], folder["a"], .. arguments, .. few]);
        Assert.Equal((0, ""), (first.ExitCode, first.Errors));
        var again = ToolProcess.RunAsTyped([folder["in"], folder["b"], "--recipe", folder["lock.json"], .. Quick]);
        Assert.Equal(0, again.ExitCode);
        Assert.DoesNotContain("other bytes", again.Errors, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(folder["a/model.onnx"]), File.ReadAllBytes(folder["b/model.onnx"]));
        // Nothing is left to search.
        Assert.DoesNotContain("held-out calibration text", again.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void What_differs_is_named()
    {
        using var folder = new TempFolder();
        Directory.CreateDirectory(folder["in"]);
        foreach (var file in Directory.GetFiles(Books16.Folder)) File.Copy(file, Path.Combine(folder["in"], Path.GetFileName(file)));
        var lockFile = folder["lock.json"];
        Assert.Equal(
            0, ToolProcess.Run([folder["in"], folder["a"], "--blocks", "13", "--method", "drop", .. Quick, "--lock", lockFile]).ExitCode);
        var document = JsonNode.Parse(File.ReadAllText(lockFile))!;
        document["output"]!["model.onnx"] = new string('0', 64);
        File.WriteAllText(folder["other.json"], document.ToJsonString());
        var told = ToolProcess.RunAsTyped([folder["in"], folder["b"], "--recipe", folder["other.json"], .. Quick]);
        Assert.Equal(0, told.ExitCode);
        Assert.Contains("model.onnx has other bytes than the result that was locked", told.Errors, StringComparison.Ordinal);
        File.AppendAllText(folder["in/tokenizer.json"], " ");
        var refused = ToolProcess.RunAsTyped([folder["in"], folder["c"], "--recipe", lockFile, .. Quick]);
        Assert.Equal(3, refused.ExitCode);
        Assert.Contains("MKA068 tokenizer.json", refused.Errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["c"]));
    }

    [Fact]
    public void A_damaged_lock_is_read_or_refused()
    {
        using var folder = new TempFolder();
        Assert.Equal(
            0,
            ToolProcess.Run(
                [Books16.Folder, folder["a"], "--blocks", "13", "--method", "drop", .. Quick, "--lock", folder["lock.json"]]).ExitCode);
        var (kinds, selectors) = (OnnxMka.Recipes.Kinds.BuiltIn, OnnxMka.Selection.Selectors.BuiltIn);
        JsonDamage.AssertReadOrRefused(
            File.ReadAllText(folder["lock.json"]),
            "MKA066",
            50,
            damaged => OnnxMka.Recipes.LockFile.Read(damaged, "lock.json", kinds, selectors));
    }

    /// <summary>
    /// Cut off after its first trials, the same command goes on: what is known is not run again, and the result is the same.
    /// </summary>
    [Fact]
    public async Task A_search_goes_on_from_its_journal()
    {
        using var folder = new TempFolder();
        var ids = SmallDecoder.Write(SmallDecoder.Map, folder["in"]).Recipe.Calibration.IdsFile!;
        string[] search =
        [
            folder["in"], "", "--blocks", "3", "--method", "best", "--budget", "1h", "--calib-ids", ids, .. Few, .. Quick,
        ];
        string[] Into(string output) => [search[0], folder[output], .. search[2..]];
        var whole = ToolProcess.Run(Into("whole"));
        Assert.Equal(0, whole.ExitCode);
        var journal = folder["journal.json"];
        using (var cut = ToolProcess.Start([.. Into("again"), "--resume", journal, "--quiet"]))
        {
            var errors = cut.StandardError.ReadToEndAsync();
            var output = cut.StandardOutput.ReadToEndAsync();
            // Killed once two losses are written there.
            while (Known(journal) < 2 && !cut.HasExited) await Task.Delay(20);
            cut.Kill();
            await cut.WaitForExitAsync();
            await Task.WhenAll(errors, output);
        }

        var known = Known(journal);
        Assert.InRange(known, 2, 6);
        var resumed = ToolProcess.Run([.. Into("again"), "--resume", journal]);
        Assert.Equal(0, resumed.ExitCode);
        // Each trial that ran told of its pass; those that were known did not, but the one that was taken.
        var (all, left) = (Passes(whole.Errors), Passes(resumed.Errors));
        Assert.True(left <= all - known + 1, $"{left} of {all} passes, {known} known");
        Assert.Equal(File.ReadAllBytes(folder["whole/model.onnx"]), File.ReadAllBytes(folder["again/model.onnx"]));

        static int Known(string journal) =>
            File.Exists(journal) ? JsonNode.Parse(File.ReadAllText(journal))!["losses"]!.AsObject().Count : 0;

        static int Passes(string errors) => errors.Split('\n').Count(l => l.StartsWith("compensate (", StringComparison.Ordinal));
    }
}
