using System.Globalization;
using OnnxMka.Benchmarks;

// Benchmarks WORKDIR [--short] [part ...]: prints the table; a run of all parts also files it under results/.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var quick = args.Contains("--short", StringComparer.Ordinal);
var words = args.Where(a => a != "--short").ToArray();
var work = Directory.CreateDirectory(words.Length > 0 ? words[0] : Path.Combine(Path.GetTempPath(), "onnx-mka-bench")).FullName;
var root = AppContext.BaseDirectory;
while (!File.Exists(Path.Combine(root, "OnnxMka.sln"))) root = Path.GetDirectoryName(root)!;
var results = Path.Combine(root, "tests", "OnnxMka.Benchmarks", "results");
var books16 = Path.Combine(root, "models-fixtures", "books16", "model.onnx");
var parts = new (string Name, Func<IEnumerable<Row>> Run)[]
{
    ("start", Start.Run),
    ("detect", () => Detection.Run(work, books16)),
    ("kernels", () => Kernels.Run(quick)),
    ("scoring", () => Scoring.AgainstPaper(work, quick)),
    ("algebra", () => Algebra.Run(work, quick)),
    ("growth", () => Growth.Run(quick, results)),
    ("calibrate", () => Calibrating.Run(work, books16, quick)),
    ("python", () => Rewrite.AgainstPython(work, "llama-3.2-1b")),
    ("chain", () => ChainRun.Run(work, "llama-3.2-1b")),
    ("refit", () => RefitRun.Run(work, "llama-3.2-1b")),
    ("rewrite", () => Rewrite.Run(work, quick ? "llama-3.2-1b" : "llama-3-8b", rounds: 3)),
};
var wanted = words.Length > 1 ? words[1..] : [.. parts.Select(p => p.Name)];
if (wanted.FirstOrDefault(w => !Array.Exists(parts, p => p.Name == w)) is { } unknown)
{
    Console.Error.WriteLine($"no part is called {unknown}; there are {string.Join(", ", parts.Select(p => p.Name))}");
    return 2;
}

var rows = new List<Row>();
Console.WriteLine($"{Machine.Describe()}\n\n{Row.Header}");
foreach (var row in parts.Where(p => wanted.Contains(p.Name, StringComparer.Ordinal)).SelectMany(p => p.Run()))
{
    rows.Add(row);
    Console.WriteLine(row);
}

if (wanted.Length == parts.Length && !quick)
{
    const string Reading =
        "Scoring runs on structured data (four latent directions that drift from layer to layer), not on noise. "
            + "Its distances are float64, one fused multiply-add a\n"
            + "pair and feature; the row \"the least that float64 distances take\" says what the processor's own peak leaves of the bar "
            + "when everything else costs\n"
            + "nothing. Float32 distances would halve that, but order nearly tied neighbours otherwise, "
            + "and NPIB counts neighbours: so they are not used.";
    const string Bars =
        "Merges are not at memory bandwidth: from cache, two passes of float64 arithmetic a value and one rounding bound them. "
            + "What a user waits for is the rewrite from disk,\n"
            + "in the last rows, and that is faster than `cp`. Gram sums of a refit take more multiplications than "
            + "the blocks' own forward pass does, in float64 at that: no\n"
            + "kernel brings them to a fifth of it.";
    Directory.CreateDirectory(results);
    File.WriteAllText(
        Path.Combine(results, "bench.md"),
        $"""
        # Benchmarks

        `make bench`, one run of all parts. {Machine.Describe()} Ours and the rival run in turn on the same
        files and the same data; ratios are what to read. Each figure is a median where several runs are named.

        {Row.Header}
        {string.Join('\n', rows)}

        {Reading}

        {Bars}

        How scoring grows with the number of samples: [growth.md](growth.md).

        """);
}
else
{
    Console.WriteLine("\nnot filed: only a run of all parts at full length is");
}

return rows.Exists(r => r.Holds == false) ? 1 : 0;
