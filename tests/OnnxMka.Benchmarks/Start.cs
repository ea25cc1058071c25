namespace OnnxMka.Benchmarks;

/// <summary>From the command to its help text.</summary>
internal static class Start
{
    public static IEnumerable<Row> Run()
    {
        var tool = Path.Combine(AppContext.BaseDirectory, "onnx-mka");
        Measured.Process(tool, "--help");
        var median = Measured.MedianOf([.. Enumerable.Range(0, 9).Select(_ => Measured.Process(tool, "--help").Seconds)]) * 1000;
        yield return new Row("start to help text, median of 9", $"{median:0} ms", "", "", "under 150 ms", median < 150);
    }
}
