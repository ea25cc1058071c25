using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using OnnxMka.Numerics;

namespace OnnxMka.Benchmarks;

/// <summary>Linear algebra at real widths against numpy and scipy (<c>algebra.py</c>), in turn on the same matrices.</summary>
internal static class Algebra
{
    private const int Rounds = 3;

    public static IEnumerable<Row> Run(string work, bool quick)
    {
        if (!Machine.HasPython("scipy.linalg"))
        {
            yield return new Row("linear algebra", "not run", "python3-scipy is not installed", "", null, null);
            yield break;
        }

        using var rival = new Rival();
        var path = Path.Combine(work, "matrix.bin");
        yield return Gram(rival, path, 2048, quick ? 4096 : 8192);
        foreach (var n in quick ? new[] { 2048 } : [4096, 8192]) yield return Ridge(rival, path, n, 2048);
        yield return Leading(rival, path, quick ? 2048 : 8192);
        File.Delete(path);
    }

    private static Row Gram(Rival rival, string path, int rows, int n)
    {
        var x = Values(rows * n);
        Write(path, x);
        return Paired($"Gram sums, {rows} rows x {n}", rival, $"gram {path} {n} {rows}", () => Dense.Gram(x, rows, n), "numpy X.T @ X");
    }

    private static Row Ridge(Rival rival, string path, int n, int rights)
    {
        var rows = n + 64;
        var gram = Dense.Gram(Values(rows * n), rows, n);
        for (var i = 0; i < n; i++) gram[(i * n) + i] += 1;
        var right = Values(rights * n);
        Write(path, gram, right);
        var solver = new RidgeSolver(gram, n);
        return Paired(
            $"ridge solve, {n} unknowns, {rights} right sides",
            rival,
            $"ridge {path} {n} {rights}",
            () => solver.Solve(right, 0),
            "scipy cho_factor, cho_solve");
    }

    private static Row Paired(string name, Rival rival, string line, Action ours, string what)
    {
        var (mine, others) = (new List<double>(), new List<double>());
        ours();
        for (var round = 0; round < Rounds; round++)
        {
            mine.Add(Measured.Time(ours));
            others.Add(rival.Ask(line).Seconds);
        }

        // The best of each: whatever else runs on the machine only adds.
        var (a, b) = (mine.Min(), others.Min());
        return new Row(
            $"{name}, float64, best of {Rounds} in turn",
            $"{a:0.00} s",
            $"{what} {b:0.00} s",
            $"{b / a:0.00} of its speed",
            "at least 0.8 of its speed",
            b >= 0.8 * a);
    }

    /// <summary>Products of rows whose directions weaken as those of activations do, a quarter of the subspace.</summary>
    private static Row Leading(Rival rival, string path, int n)
    {
        var (rank, x) = (n / 4, Values(2 * n * n));
        for (var i = 0; i < x.Length; i++) x[i] /= Math.Sqrt(1 + (i % n));
        var matrix = Dense.Gram(x, 2 * n, n);
        Write(path, matrix);
        double[] basis = [];
        var ours = Measured.Time(() => basis = LeadingSubspace.Of((y, k) => Dense.Multiply(matrix, y, n, n, k), n, rank));
        var answer = rival.Ask($"eigh {path} {n} {rank}");
        var image = Dense.Multiply(matrix, basis, n, n, rank);
        var left = Enumerable.Range(0, n).Sum(i => matrix[(i * n) + i]) - basis.Zip(image, (a, b) => a * b).Sum();
        var error = Math.Sqrt(left / answer.Least);
        return new Row(
            $"leading {rank} of {n} dimensions, float64",
            $"{ours:0.0} s, {error:0.00000} of the least error",
            $"scipy eigh {answer.Seconds:0.0} s",
            $"{ours / answer.Seconds:0.000} of its time",
            "at most 0.1 of its time and 1.001 of the error",
            ours <= 0.1 * answer.Seconds && error <= 1.001);
    }

    private static double[] Values(int count)
    {
        var random = new Random(1);
        var values = new double[count];
        for (var i = 0; i < count; i++) values[i] = random.NextDouble() - 0.5;
        return values;
    }

    private static void Write(string path, params double[][] parts)
    {
        using var file = File.Create(path);
        foreach (var part in parts)
        {
            for (var first = 0; first < part.Length; first += 1 << 20)
                file.Write(MemoryMarshal.AsBytes(part.AsSpan(first, Math.Min(1 << 20, part.Length - first))));
        }
    }

    /// <summary>One Python process for all questions: its imports and its threads' start do not count.</summary>
    private sealed class Rival : IDisposable
    {
        private static readonly string Script = Path.Combine(AppContext.BaseDirectory, "algebra.py");

        private readonly Process _process = Process.Start(new ProcessStartInfo(Machine.Python, [Script])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        })!;

        public (double Seconds, double Least) Ask(string line)
        {
            _process.StandardInput.WriteLine(line);
            _process.StandardInput.Flush();
            var answer = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"the rival ended at '{line}'");
            var json = JsonDocument.Parse(answer).RootElement;
            return (json.GetProperty("seconds").GetDouble(), json.TryGetProperty("least", out var least) ? least.GetDouble() : 0);
        }

        public void Dispose()
        {
            _process.StandardInput.Close();
            _process.WaitForExit();
            _process.Dispose();
        }
    }
}
