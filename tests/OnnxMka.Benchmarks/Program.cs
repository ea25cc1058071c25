using System.Globalization;
using System.Runtime.InteropServices;
using OnnxMka.Benchmarks;

// Benchmarks WORKDIR [big|chain|python|detect|start ...]: prints the table and files it under results/.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var work = Directory.CreateDirectory(args.Length > 0 ? args[0] : Path.Combine(Path.GetTempPath(), "onnx-mka-bench")).FullName;
var wanted = args.Length > 1 ? args[1..] : ["start", "detect", "python", "chain", "big"];
var root = AppContext.BaseDirectory;
while (!File.Exists(Path.Combine(root, "OnnxMka.sln"))) root = Path.GetDirectoryName(root)!;
var rows = new List<Row>();
foreach (var name in wanted)
{
    var more = name switch
    {
        "start" => Start(),
        "detect" => Detection.Run(work, Path.Combine(root, "models-fixtures", "books16", "model.onnx")),
        "python" => Rewrite.AgainstPython(work, "llama-3.2-1b"),
        "chain" => ChainRun.Run(work, "llama-3.2-1b"),
        "big" => Rewrite.Run(work, "llama-3-8b", bars: true),
        _ => throw new ArgumentException($"no benchmark is called {name}", nameof(args)),
    };
    foreach (var row in more)
    {
        rows.Add(row);
        Console.WriteLine(row);
    }
}

var folder = Directory.CreateDirectory(Path.Combine(root, "tests", "OnnxMka.Benchmarks", "results"));
var machine = $"{Environment.ProcessorCount} cores, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9:0} GB, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}, ONNX Runtime 1.29.0";
File.WriteAllText(
    Path.Combine(folder.FullName, "bench.md"),
    $"""
    # Benchmarks

    `make bench` ({string.Join(' ', wanted)}), {machine}. Ours and the rival run in turn on the same files; ratios are what to read.

    | work | ours | rival | ratio | bar | holds |
    |---|---|---|---|---|---|
    {string.Join('\n', rows)}

    """);
return rows.Exists(r => r.Holds == false) ? 1 : 0;

static IEnumerable<Row> Start()
{
    var tool = Path.Combine(AppContext.BaseDirectory, "onnx-mka");
    var median = Enumerable.Range(0, 9).Select(_ => Measured.Process(tool, "--help").Seconds * 1000).Order().ElementAt(4);
    yield return new Row("start to help text", $"{median:0} ms", "", "", "under 150 ms", median < 150);
}
