namespace OnnxMka.Benchmarks;

/// <summary>Writing a smaller model against copying the same bytes, and against Python's onnx.load and onnx.save.</summary>
internal static class Rewrite
{
    private static string Tool => Path.Combine(AppContext.BaseDirectory, "onnx-mka");

    /// <summary>
    /// Drop, merge, cp, and cp with its file flushed as ours is, in turn; the order rotates from round to round, because whoever comes
    /// first pays for memory that the system has yet to hand out.
    /// </summary>
    public static IEnumerable<Row> Run(string work, string shape, int rounds)
    {
        var model = BigModel.Make(work, shape);
        var (output, copy) = (Path.Combine(work, "rewritten"), Path.Combine(work, "copied"));
        var blocks = shape == "llama-3-8b" ? 32 : 16;
        var removed = (int)Math.Round(blocks * 0.4);
        var runs = new (string Name, Func<Measured> Run)[]
        {
            ("drop", () => Ours("drop")),
            ("cp", () => Copy("cp", "-r", output, copy)),
            ("mka", () => Ours("mka")),
            ("cp, sync", () => Copy("sh", "-c", $"cp -r {output} {copy} && sync {copy}/*")),
        };
        Ours("drop");
        var bytes = BigModel.Bytes(output);
        var measured = new List<(string Name, Measured Figures)>();
        for (var round = 0; round < rounds; round++)
        {
            for (var i = 0; i < runs.Length; i++)
            {
                var (name, run) = runs[(round + i) % runs.Length];
                measured.Add((name, run()));
            }
        }

        Delete(output);
        double Median(string name) => Measured.MedianOf([.. measured.Where(m => m.Name == name).Select(m => m.Figures.Seconds)]);
        foreach (var (method, what) in new[] { ("drop", "drop"), ("mka", "merge") })
        {
            var (ours, peak) = (Median(method), measured.Where(m => m.Name == method).Max(m => m.Figures.PeakMegabytes));
            var work1 = $"{shape}: {what} {removed} of {blocks}, {bytes / 1e9:0.0} GB written and flushed, cold cache, median of {rounds}";
            foreach (var (rival, note) in new[] { ("cp", "cp, not flushed"), ("cp, sync", "cp and sync of its files") })
            {
                var ratio = ours / Median(rival);
                yield return new Row(
                    work1, $"{ours:0.0} s", $"{note}: {Median(rival):0.0} s", $"{ratio:0.00}", "at most 1.5 times cp", ratio <= 1.5);
            }

            yield return new Row($"{shape}: {what}, peak memory", $"{peak:0} MB", "", "", "at most 300 MB", peak <= 300);
        }

        Measured Ours(string method)
        {
            Delete(output);
            PageCache.Evict(model);
            return Measured.Process(
                Tool,
                model,
                output,
                "--layers-removed",
                $"{removed}",
                "--method",
                method,
                "--order",
                "tail",
                "--alpha",
                "0.62",
                "--no-eval",
                "--no-verify",
                "--quiet");
        }

        Measured Copy(string command, params string[] arguments)
        {
            Delete(copy);
            PageCache.Evict(output);
            var figures = Measured.Process(command, arguments);
            Delete(copy);
            return figures;
        }
    }

    /// <summary>The same files read and written by Debian's python3-onnx; skipped with a line where that is not installed.</summary>
    public static IEnumerable<Row> AgainstPython(string work, string shape)
    {
        if (!Machine.HasPython("onnx"))
        {
            yield return new Row($"{shape}: Python onnx.load and onnx.save", "", "not run: python3-onnx is not installed", "", null, null);
            yield break;
        }

        var model = BigModel.Make(work, shape);
        var output = Path.Combine(work, "saved");
        Delete(output);
        PageCache.Evict(model);
        var ours = Measured.Process(Tool, model, output, "--ratio", "0", "--no-eval", "--no-verify", "--quiet");
        Delete(output);
        Directory.CreateDirectory(output);
        var script = $"import onnx; m = onnx.load('{model}/model.onnx'); onnx.save(m, '{output}/model.onnx', save_as_external_data=True, "
            + "location='model.onnx.data')";
        PageCache.Evict(model);
        var python = Measured.Process(Machine.Python, "-c", script);
        Delete(output);
        yield return new Row(
            $"{shape}: load and save, {BigModel.Bytes(model) / 1e9:0.0} GB",
            $"{ours.Seconds:0.0} s",
            $"python onnx {python.Seconds:0.0} s",
            $"{ours.Seconds / python.Seconds:0.00}",
            "faster",
            ours.Seconds < python.Seconds);
        yield return new Row(
            $"{shape}: load and save, peak memory",
            $"{ours.PeakMegabytes:0} MB",
            $"python onnx {python.PeakMegabytes:0} MB",
            $"{ours.PeakMegabytes / python.PeakMegabytes:0.000}",
            "10 times less",
            ours.PeakMegabytes * 10 <= python.PeakMegabytes);
    }

    private static void Delete(string folder)
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }
}
