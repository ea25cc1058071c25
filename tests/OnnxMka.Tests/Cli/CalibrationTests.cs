namespace OnnxMka.Tests.Cli;

/// <summary>Where calibration tokens come from.</summary>
public sealed class CalibrationTests
{
    [Fact]
    public void A_model_without_tokenizer_asks_for_ids_and_takes_them()
    {
        using var folder = new TempFolder();
        Directory.CreateDirectory(folder["in"]);
        File.Copy(Books16.ModelPath, folder["in/model.onnx"]);
        var refused = ToolProcess.Run(folder["in/model.onnx"], folder["out/model.onnx"], "--ratio", "0.25", "--quiet");
        Assert.Equal(3, refused.ExitCode);
        Assert.Contains("--calib-ids", Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
        var rows = ReferenceFile.Instance.Windows.SelectMany(
            w => Enumerable.Range(0, 6).Select(i => $"[{string.Join(',', w.Skip(i * 20).Take(28))}]"));
        File.WriteAllLines(folder["ids.jsonl"], rows);
        var done = ToolProcess.Run(
            folder["in/model.onnx"], folder["out/model.onnx"], "--ratio", "0.25", "--calib-ids", folder["ids.jsonl"], "--quiet");
        Assert.Equal("", done.Errors);
        Assert.Equal(0, done.ExitCode);
        Assert.Contains("9 windows of", done.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Ids_beyond_the_vocabulary_are_refused()
    {
        using var folder = new TempFolder();
        File.WriteAllLines(folder["ids.jsonl"], Enumerable.Range(0, 60).Select(i => $"[1,2,3,{i},{2000 + i}]"));
        var refused = ToolProcess.Run(
            Books16.ModelPath, folder["out/model.onnx"], "--ratio", "0.25", "--calib-ids", folder["ids.jsonl"], "--quiet");
        Assert.Equal(3, refused.ExitCode);
        Assert.Contains("MKA034", Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
    }
}
