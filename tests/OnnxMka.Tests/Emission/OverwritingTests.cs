using System.Diagnostics;
using OnnxMka.Emission;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Jobs;
using OnnxMka.Outcomes;

namespace OnnxMka.Tests.Emission;

/// <summary>What a result may take the place of, and what it may not.</summary>
public sealed class OverwritingTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("in", "link")]
    [InlineData("in", "link/model.onnx")]
    [InlineData("link.onnx", "in/model.onnx")]
    public void The_input_by_another_name(string input, string output)
    {
        Directory.CreateDirectory(_folder["in"]);
        foreach (var file in Directory.GetFiles(Books16.Folder)) File.Copy(file, _folder[$"in/{Path.GetFileName(file)}"]);
        Directory.CreateSymbolicLink(_folder["link"], _folder["in"]);
        File.CreateSymbolicLink(_folder["link.onnx"], _folder["in/model.onnx"]);
        var failed = Assert.Throws<OutputException>(() => Drop(input, output, force: true));
        Assert.Contains("is the input itself", failed.Message, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(Books16.ModelPath), File.ReadAllBytes(_folder["in/model.onnx"]));
    }

    [Fact]
    public void Data_of_the_input_whatever_it_is_called()
    {
        Drop(Books16.Folder, "first/small.onnx", external: true);
        File.Move(_folder["first/small.onnx"], _folder["first/renamed.onnx"]);
        var failed = Assert.Throws<OutputException>(() => Drop("first/renamed.onnx", "first/small.onnx", force: true));
        Assert.Contains("small.onnx.data is a file of the input", failed.Message, StringComparison.Ordinal);
        Assert.Equal(15, Blocks("first/renamed.onnx"));
    }

    /// <summary>A file that lies about in the model's folder, under the name that the weights in a folder below have.</summary>
    [Fact]
    public void Data_of_the_input_by_a_companion_of_its_name()
    {
        Drop(Books16.Folder, "in/onnx/model.onnx", external: true);
        File.Move(_folder["in/onnx/config.json"], _folder["in/config.json"]);
        File.WriteAllText(_folder["in/model.onnx.data"], "a note");
        var failed = Assert.Throws<OutputException>(() => Drop("in", "in/onnx", force: true));
        Assert.Contains("model.onnx.data is a file of the input", failed.Message, StringComparison.Ordinal);
        Assert.Equal(15, Blocks("in/onnx/model.onnx"));
    }

    [Fact]
    public void A_file_with_the_name_of_the_data_file()
    {
        Directory.CreateDirectory(_folder["out"]);
        File.WriteAllText(_folder["out/small.onnx.data"], "precious");
        var failed = Assert.Throws<OutputException>(() => Drop(Books16.Folder, "out/small.onnx", external: true));
        Assert.Contains("--force", failed.Message, StringComparison.Ordinal);
        Assert.Equal("precious", File.ReadAllText(_folder["out/small.onnx.data"]));
    }

    [Theory]
    [InlineData("out")]
    [InlineData("out/model.onnx")]
    public void Old_data_goes_and_what_is_anybody_elses_stays(string output)
    {
        Drop(Books16.Folder, output, external: true);
        string[] kept = ["out/model.onnx.notes", "out/weights.bin"];
        foreach (var file in kept) File.WriteAllText(_folder[file], "mine");
        var emitted = Drop(Books16.Folder, output, force: true).Emitted!;
        Assert.False(File.Exists(_folder["out/model.onnx.data"]));
        Assert.Contains(emitted.ConfigChanges, c => c.File == "model.onnx.data");
        foreach (var file in kept) Assert.Equal("mine", File.ReadAllText(_folder[file]));
        Assert.Empty(Directory.GetFileSystemEntries(_folder["out"], ".*"));
    }

    [Fact]
    public void Data_of_an_old_model_that_cannot_be_read_stay_and_are_told()
    {
        Drop(Books16.Folder, "out", external: true);
        File.WriteAllText(_folder["out/model.onnx"], "damaged");
        var emitted = Drop(Books16.Folder, "out", force: true).Emitted!;
        Assert.Contains(emitted.ConfigChanges, c => c is { File: "model.onnx.data", Key: "stays:", IsWarning: true });
        Assert.True(File.Exists(_folder["out/model.onnx.data"]));
        Assert.Equal(15, Blocks("out/model.onnx"));
    }

    [Fact]
    public void Old_data_that_another_model_uses_stays()
    {
        Drop(Books16.Folder, "out", external: true);
        File.Copy(_folder["out/model.onnx"], _folder["out/other.onnx"]);
        Drop(Books16.Folder, "out", force: true);
        Assert.Equal(15, Blocks("out/other.onnx"));
    }

    [TmpfsFact]
    public void A_folder_that_is_a_disk_of_its_own()
    {
        using var disk = new SmallDisk("40m");
        var left = Path.Combine(disk.FullPath, StagingNames.Prefix + int.MaxValue + "-killed");
        Directory.CreateDirectory(left);
        Assert.True(File.Exists(Drop(Books16.Folder, disk.FullPath).Emitted!.ModelPath));
        Assert.False(Directory.Exists(left));
        Assert.Throws<OutputException>(() => Drop(Books16.Folder, disk.FullPath));
        Drop(Books16.Folder, disk.FullPath, force: true);
        Assert.Empty(Directory.GetFileSystemEntries(disk.FullPath, ".*"));
    }

    [Fact]
    public void A_link_to_an_empty_folder_stays_a_link()
    {
        Directory.CreateDirectory(_folder["real"]);
        Directory.CreateSymbolicLink(_folder["out"], _folder["real"]);
        Drop(Books16.Folder, "out");
        Assert.NotNull(new DirectoryInfo(_folder["out"]).LinkTarget);
        Assert.True(File.Exists(_folder["real/model.onnx"]));
    }

    [Fact]
    public void Of_two_runs_the_slower_is_refused()
    {
        var failed = Assert.Throws<OutputException>(
            () => Drop(Books16.Folder, "out", sink: new WhenStage("verify", () => Drop(Books16.Folder, "out"))));
        Assert.Contains("exists and is not empty", failed.Message, StringComparison.Ordinal);
        Assert.Equal(["out"], Directory.GetFileSystemEntries(_folder.FullPath).Select(Path.GetFileName));
    }

    /// <summary>The lock decides, not the number: containers that share a folder have the same numbers.</summary>
    [Fact]
    public void Staging_of_a_living_run_stays_and_of_a_dead_one_goes()
    {
        using var living = StagingFolder.Beside(_folder.FullPath);
        var renamed = _folder[$"{StagingNames.Prefix}{int.MaxValue}-elsewhere"]; // no process has that number here
        Directory.Move(living.FullPath, renamed);
        var dead = _folder[$"{StagingNames.Prefix}{Environment.ProcessId}-before"]; // a number that is in use again
        Directory.CreateDirectory(dead);
        File.WriteAllText(Path.Combine(dead, FolderLock.Name), "");
        using var next = StagingFolder.Beside(_folder.FullPath);
        Assert.True(Directory.Exists(renamed));
        Assert.False(Directory.Exists(dead));
    }

    [Fact]
    public void A_terminal_that_goes_away_ends_a_run_as_ctrl_c_does()
    {
        using var process = ToolProcess.Start(Books16.Folder, _folder["out"], "--ratio", "0.25", "--calib-samples", "2048");
        while (process.StandardError.ReadLine() is { } line && !line.StartsWith("note", StringComparison.Ordinal))
        {
        }

        using (var kill = Process.Start("kill", ["-HUP", process.Id.ToString()])) kill.WaitForExit();
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(130, process.ExitCode);
        Assert.Contains("Cancelled; nothing was written.", errors, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.FullPath));
    }

    private int Blocks(string model) => OnnxMka.Structure.BlockDetector.Detect(OnnxModel.Load(_folder[model])).Count;

    private CompressionResult Drop(string input, string output, bool force = false, bool external = false, IProgressSink? sink = null) =>
        Compressor.Run(
        new CompressionOptions
        {
            Input = Path.Combine(_folder.FullPath, input),
            Output = new() { Path = Path.Combine(_folder.FullPath, output), Force = force, ForceExternalData = external },
            Recipe = RecipeOf.Drop(5),
            Evaluate = false,
            Verify = sink is not null,
        },
        sink);
}
