using OnnxMka.Jobs;
using OnnxMka.Measuring;
using OnnxMka.Reporting;

namespace OnnxMka.Tests.Reporting;

/// <summary>Reports go to other people: paths in them are as they were typed, and say nothing of the folders above.</summary>
public sealed class GivenPathTests
{
    [Theory]
    [InlineData("out", "model.onnx")]
    [InlineData("small.onnx", null)]
    public void A_report_of_a_compression_has_no_path_that_nobody_typed(string output, string? below)
    {
        using var folder = new TempFolder();
        var typed = Typed(folder, output);
        var options = new CompressionOptions
        {
            Input = Typed(Books16.Folder),
            Output = new() { Path = typed },
            Recipe = RecipeOf.Drop(3),
            Evaluate = false,
            Verify = false,
        };
        var json = ReportJson.Write(Compressor.Run(options), options);
        Assert.Contains($"\"model\": \"{(below is null ? typed : Path.Combine(typed, below))}\"", json, StringComparison.Ordinal);
        AssertRelative(folder, json);
    }

    [Fact]
    public void Nor_has_one_of_an_evaluation()
    {
        using var folder = new TempFolder();
        File.Copy(Books16.ModelPath, folder["copy.onnx"]);
        foreach (var file in Directory.GetFiles(Books16.Folder, "*token*")) File.Copy(file, folder[Path.GetFileName(file)]);
        var options = new EvaluationOptions
        {
            Model = Typed(folder, "copy.onnx"),
            Against = Typed(Books16.Folder),
            Window = 16,
            Limit = 1,
            Generations = 0,
            Speed = false,
        };
        var result = ModelEvaluation.Run(options);
        Assert.Equal((options.Model, Path.Combine(options.Against, "model.onnx")), (result.Model.Path, result.Original!.Path));
        AssertRelative(folder, EvaluationJson.Write(result, options));
    }

    private static void AssertRelative(TempFolder folder, string json)
    {
        Assert.DoesNotContain($"\"{folder.FullPath}", json, StringComparison.Ordinal);
        Assert.DoesNotContain($"\"{Books16.Root}", json, StringComparison.Ordinal);
    }

    private static string Typed(TempFolder folder, string name) => Typed(folder[name]);

    private static string Typed(string path) => Path.GetRelativePath(Environment.CurrentDirectory, path);
}
