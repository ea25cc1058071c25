namespace OnnxMka.Benchmarks;

/// <summary>Writing a smaller model against copying the same bytes, and against Python's onnx.load and onnx.save.</summary>
internal static class Rewrite
{
    private static string Tool => Path.Combine(AppContext.BaseDirectory, "onnx-mka");

    public static IEnumerable<Row> Run(string work, string shape, bool bars)
    {
        var model = BigModel.Make(work, shape);
        foreach (var (name, arguments) in new[] { ("drop 13 of 32", "drop"), ("merge 13 of 32", "mka") }.Select(m => (m.Item1, Method: m.Item2)))
        {
            var blocks = BlockCount(shape);
            var removed = (int)Math.Round(blocks * 0.4);
            var output = Path.Combine(work, "rewritten");
            Delete(output);
            PageCache.Drop();
            var ours = Measured.Process(Tool, model, output, "--layers-removed", $"{removed}", "--method", arguments, "--order", "tail", "--alpha", "0.62", "--no-eval", "--no-verify", "--quiet");
            var copy = Path.Combine(work, "copied");
            Delete(copy);
            PageCache.Drop();
            var cp = Measured.Process("cp", "-r", output, copy);
            var bytes = BigModel.Bytes(output);
            Delete(copy);
            var ratio = ours.Seconds / cp.Seconds;
            yield return new Row(
                $"{shape}: {name.Split(' ')[0]} {removed} of {blocks}, {bytes / 1e9:0.0} GB written", $"{ours.Seconds:0.0} s", $"cp {cp.Seconds:0.0} s{PageCache.Note}", $"{ratio:0.00}", bars ? "at most 1.5 times cp" : null, bars ? ratio <= 1.5 : null);
            yield return new Row($"{shape}: {name.Split(' ')[0]}, peak memory", $"{ours.PeakMegabytes:0} MB", "", "", bars ? "at most 300 MB" : null, bars ? ours.PeakMegabytes <= 300 : null);
            Delete(output);
        }
    }

    /// <summary>The same files read and written by Debian's python3-onnx; skipped with a line where that is not installed.</summary>
    public static IEnumerable<Row> AgainstPython(string work, string shape)
    {
        const string Python = "/usr/bin/python3";
        if (!File.Exists(Python) || !HasOnnx(Python))
        {
            yield return new Row($"{shape}: Python onnx.load and onnx.save", "", "not run: python3-onnx is not installed", "", null, null);
            yield break;
        }

        var model = BigModel.Make(work, shape);
        var output = Path.Combine(work, "saved");
        Delete(output);
        PageCache.Drop();
        var ours = Measured.Process(Tool, model, output, "--ratio", "0", "--no-eval", "--no-verify", "--quiet");
        Delete(output);
        Directory.CreateDirectory(output);
        var script = $"import onnx; m = onnx.load('{model}/model.onnx'); onnx.save(m, '{output}/model.onnx', save_as_external_data=True, location='model.onnx.data')";
        PageCache.Drop();
        var python = Measured.Process(Python, "-c", script);
        Delete(output);
        yield return new Row(
            $"{shape}: load and save, {BigModel.Bytes(model) / 1e9:0.0} GB", $"{ours.Seconds:0.0} s", $"python onnx {python.Seconds:0.0} s", $"{ours.Seconds / python.Seconds:0.00}", "faster", ours.Seconds < python.Seconds);
        yield return new Row(
            $"{shape}: load and save, peak memory", $"{ours.PeakMegabytes:0} MB", $"python onnx {python.PeakMegabytes:0} MB", $"{ours.PeakMegabytes / python.PeakMegabytes:0.000}", "10 times less", ours.PeakMegabytes * 10 <= python.PeakMegabytes);
    }

    private static bool HasOnnx(string python)
    {
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(python, ["-c", "import onnx"]) { RedirectStandardError = true, UseShellExecute = false })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    private static int BlockCount(string shape) => shape == "llama-3-8b" ? 32 : 16;

    private static void Delete(string folder)
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }
}
