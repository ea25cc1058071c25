using OnnxMka.Emission;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Jobs;
using OnnxMka.Outcomes;

namespace OnnxMka.Tests.Emission;

/// <summary>A result takes the place of an older one whole or not at all.</summary>
public sealed class FolderUpdateTests : IDisposable
{
    /// <summary>No process has that number.</summary>
    private static readonly string Dead = $"{StagingNames.Prefix}{int.MaxValue}-killed";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_a_killed_run_left_half_done_is_undone_by_the_next()
    {
        HalfDone("""{"model":"model.onnx","added":["config.json","new.json","model.onnx"],"replaced":["model.onnx","config.json"]}""");
        Put("out/config.json", "new");
        Put("out/new.json", "new");
        Put($"out/{Dead}/old/config.json", "old");
        Put($"out/{Dead}/old/model.onnx", "old");
        Put($"out/{Dead}/new/model.onnx", "new");
        var hint = Assert.Throws<RefusedException>(() => ModelLocation.Find(_folder["out"])).Refusal;
        Assert.Equal(("MKA050", true), (hint.Code, hint.Next.Contains("killed", StringComparison.Ordinal)));
        StagingFolder.Settle(_folder["out"]);
        Assert.Equal(
            ["config.json", "model.onnx"],
            Directory.GetFileSystemEntries(_folder["out"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal("oldold", File.ReadAllText(_folder["out/config.json"]) + File.ReadAllText(_folder["out/model.onnx"]));
    }

    [Fact]
    public void A_result_that_was_in_place_before_the_kill_stays()
    {
        HalfDone("""{"model":"model.onnx","added":["config.json","model.onnx"],"replaced":["model.onnx"]}""");
        Put("out/config.json", "new");
        Put("out/model.onnx", "new");
        Put($"out/{Dead}/old/model.onnx", "old");
        StagingFolder.Settle(_folder["out"]);
        Assert.Equal("new", File.ReadAllText(_folder["out/model.onnx"]));
        Assert.False(Directory.Exists(_folder[$"out/{Dead}"]));
    }

    /// <summary>A folder that somebody else made must not be a way to files outside it.</summary>
    [Theory]
    [InlineData("../precious")]
    [InlineData("up/precious")]
    [InlineData("/precious")]
    [InlineData("")]
    public void A_list_that_leads_out_of_the_folder_moves_nothing(string name)
    {
        HalfDone($$"""{"model":"model.onnx","added":["{{name}}","model.onnx"],"replaced":[]}""");
        Put("precious", "mine");
        Directory.CreateSymbolicLink(_folder["out/up"], "..");
        var failed = Assert.Throws<OutputException>(() => StagingFolder.Settle(_folder["out"]));
        Assert.Contains("out of the folder", failed.Message, StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(_folder["precious"]));
    }

    [Fact]
    public void A_list_that_cannot_be_read_is_told()
    {
        HalfDone("{");
        Assert.Contains(
            "cannot be read", Assert.Throws<OutputException>(() => StagingFolder.Settle(_folder["out"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_in_which_another_run_is_at_it_is_refused()
    {
        HalfDone("""{"model":"model.onnx","added":["model.onnx"],"replaced":[]}""");
        using var held = File.OpenHandle(
            _folder[$"out/{Dead}/{FolderLock.Name}"], FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
        Assert.Contains(
            "Another run", Assert.Throws<OutputException>(() => StagingFolder.Settle(_folder["out"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_error_half_way_puts_everything_back()
    {
        Drop(3);
        var before = File.ReadAllBytes(_folder["out/model.onnx"]);
        File.Delete(_folder["out/special_tokens_map.json"]);
        Directory.CreateDirectory(_folder["out/special_tokens_map.json"]);
        var failed = Assert.Throws<OutputException>(() => Drop(5));
        Assert.Contains("special_tokens_map.json is in the way", failed.Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(_folder["out/model.onnx"]));
        Assert.Contains("\"num_hidden_layers\": 15", File.ReadAllText(_folder["out/config.json"]), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder["out"], StagingNames.Prefix + "*"));
    }

    private void HalfDone(string list) => Put($"out/{Dead}/commit.json", list);

    private void Put(string file, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder[file])!);
        File.WriteAllText(_folder[file], text);
    }

    private void Drop(int block) => Compressor.Run(new CompressionOptions
    {
        Input = Books16.Folder,
        Output = new() { Path = _folder["out"], Force = true },
        Recipe = RecipeOf.Drop(block),
        Evaluate = false,
        Verify = false,
    });
}
