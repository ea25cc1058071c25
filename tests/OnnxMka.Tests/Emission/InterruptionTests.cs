using OnnxMka.Graph;
using OnnxMka.Jobs;
using OnnxMka.Outcomes;
using OnnxMka.Steps.Merging;
using OnnxMka.Steps.Searching;

namespace OnnxMka.Tests.Emission;

/// <summary>Whatever goes wrong while a model is made, nothing stands under its name and nothing is left beside it.</summary>
public sealed class InterruptionTests
{
    [Theory]
    [InlineData("calibrate")]
    [InlineData("NPIB")]
    [InlineData("write")]
    [InlineData("verify")]
    [InlineData("perplexity")]
    public void Cancelled_at_any_stage(string stage)
    {
        using var folder = new TempFolder();
        AssertNothingStays(stage, folder, Merging(Books16.Folder, folder["out"]));
    }

    [Theory]
    [InlineData("original seams")]
    [InlineData("compensate (refit)")]
    [InlineData("compensate (linear)")]
    [InlineData("write")]
    public void A_search_cancelled_at_any_stage(string stage)
    {
        using var input = new TempFolder();
        using var folder = new TempFolder();
        var options = SmallDecoder.Write(SmallDecoder.Map, input.FullPath).With(new Best { Blocks = ["3", "4"] });
        AssertNothingStays(stage, folder, options with { Output = new() { Path = folder["out.onnx"] }, Evaluate = false });
    }

    [Fact]
    public void Input_that_vanishes_before_it_is_copied()
    {
        using var folder = new TempFolder();
        File.Copy(Books16.ModelPath, folder["in.onnx"]);
        var sink = new WhenStage("write", () => File.Delete(folder["in.onnx"]));
        var refused = Assert.Throws<RefusedException>(() => Compressor.Run(Dropping(folder["in.onnx"], folder["out/model.onnx"]), sink));
        Assert.Equal("MKA004", refused.Refusal.Code);
        Assert.Empty(Directory.GetFiles(folder.FullPath, "*", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("calibrate")]
    [InlineData("verify")]
    [InlineData("perplexity")]
    public void Input_that_vanishes_on_the_way(string stage)
    {
        using var folder = new TempFolder();
        var failed = Assert.Throws<InputFileException>(() => WithChange(folder, stage, File.Delete));
        Assert.Equal($"Cannot read {folder["in/model.onnx"]}: there is no such file.", failed.Message);
    }

    [Theory]
    [InlineData("calibrate")]
    [InlineData("perplexity")]
    public void Input_that_somebody_writes_to_on_the_way(string stage)
    {
        using var folder = new TempFolder();
        var refused = Assert.Throws<RefusedException>(() => WithChange(folder, stage, path => File.AppendAllText(path, "x")));
        Assert.Equal("MKA005", refused.Refusal.Code);
        Assert.Contains("it changed since it was read", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_place_that_cannot_be_written()
    {
        var failed = Assert.Throws<OutputException>(() => Compressor.Run(Dropping(Books16.Folder, "/proc/onnx-mka-test")));
        Assert.StartsWith("Cannot write to /proc", failed.Message, StringComparison.Ordinal);
    }

    [TmpfsFact]
    public void A_disk_without_room_is_noticed_before_a_byte_is_written()
    {
        using var disk = new SmallDisk("6m");
        var failed = Assert.Throws<OutputException>(() => Compressor.Run(Dropping(Books16.Folder, disk["out"])));
        Assert.Contains("the disk has", failed.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(disk.FullPath));
    }

    [TmpfsFact]
    public void A_disk_that_fills_up_on_the_way()
    {
        // Room for the model's 12,697,695 bytes but not for the tokenizer beside it.
        using var disk = new SmallDisk("12404k");
        var failed = Assert.Throws<OutputException>(() => Compressor.Run(Dropping(Books16.Folder, disk["out"])));
        Assert.StartsWith("Cannot write", failed.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(disk.FullPath));
    }

    /// <summary>FAT32 ends at 4 GB in the same way.</summary>
    [Fact]
    public void A_file_larger_than_is_allowed()
    {
        using var folder = new TempFolder();
        var result = ToolProcess.RunWithFilesUpTo(
            10_000, Books16.Folder, folder["out"], "--blocks", "5", "--method", "drop", "--no-eval", "--no-verify", "--quiet");
        Assert.Equal(1, result.ExitCode);
        Assert.Matches("No file of 12,69[0-9],[0-9]{3} bytes is allowed there", Assert.Single(result.ErrorLines));
        Assert.Empty(Directory.GetFileSystemEntries(folder.FullPath));
    }

    /// <summary>Cancels when the stage begins.</summary>
    private static void AssertNothingStays(string stage, TempFolder folder, CompressionOptions options)
    {
        using var cancel = new CancellationTokenSource();
        var sink = new WhenStage(stage, cancel.Cancel);
        Assert.ThrowsAny<OperationCanceledException>(() => Compressor.Run(options, sink, cancel.Token));
        Assert.True(sink.Reached);
        Assert.Empty(Directory.GetFileSystemEntries(folder.FullPath));
    }

    /// <summary>A run on a copy of the fixture that changes when the stage begins.</summary>
    private static void WithChange(TempFolder folder, string stage, Action<string> change)
    {
        Directory.CreateDirectory(folder["in"]);
        foreach (var file in Directory.GetFiles(Books16.Folder)) File.Copy(file, folder[$"in/{Path.GetFileName(file)}"]);
        var sink = new WhenStage(stage, () => change(folder["in/model.onnx"]));
        try
        {
            Compressor.Run(Merging(folder["in"], folder["out"]), sink);
        }
        finally
        {
            Assert.True(sink.Reached);
            Assert.Equal(["in"], Directory.GetFileSystemEntries(folder.FullPath).Select(Path.GetFileName));
        }
    }

    private static CompressionOptions Merging(string input, string output) => new()
    {
        Input = input,
        Output = new() { Path = output },
        Recipe = RecipeOf.Steps(new Merge { Ratio = 0.25 }) with { Calibration = new() { Samples = 32, Length = 32, HeldBackSamples = 8 } },
    };

    private static CompressionOptions Dropping(string input, string output) => new()
    {
        Input = input,
        Output = new() { Path = output },
        Recipe = RecipeOf.Drop(5),
        Evaluate = false,
        Verify = false,
    };
}
