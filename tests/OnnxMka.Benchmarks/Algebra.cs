using System.Diagnostics;
using System.Numerics.Tensors;
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
        double[] ours = [];
        return Paired(
            $"Gram sums, {rows} rows x {n}",
            rival,
            $"gram {path} {n} {rows}",
            () => ours = Dense.Gram(x, rows, n),
            "numpy X.T @ X",
            () => ours,

            // An entry is a sum of so many products on both sides, each rounding at most 2^-53 of the sum of their sizes: |X|'|X|, whose
            // norm is at most the trace of X'X.
            gram => 2 * rows * Math.ScaleB(1, -53) * Trace(gram, n) / TensorPrimitives.Norm<double>(gram));
    }

    private static Row Ridge(Rival rival, string path, int n, int rights)
    {
        var rows = n + 64;
        var gram = Dense.Gram(Values(rows * n), rows, n);
        for (var i = 0; i < n; i++) gram[(i * n) + i] += 1;
        var right = Values(rights * n);
        Write(path, gram, right);
        var solver = new RidgeSolver(gram, n);

        // Eigenvalues of the products of such rows lie below (sqrt(rows) + sqrt(n))^2 / 12 (Marchenko and Pastur), and 1 was added: their
        // ratio, times as many roundings as a row of the factor has terms, on both sides.
        var condition = 1 + (Math.Pow(Math.Sqrt(rows) + Math.Sqrt(n), 2) / 12);
        double[] ours = [];
        return Paired(
            $"ridge solve, {n} unknowns, {rights} right sides",
            rival,
            $"ridge {path} {n} {rights}",
            () => ours = solver.Solve(right, 0)!,
            "scipy cho_factor, cho_solve",
            () => ours,
            _ => 2 * n * Math.ScaleB(1, -53) * condition);
    }

    private static Row Paired(
        string name, Rival rival, string line, Action ours, string what, Func<double[]> result, Func<double[], double> bound)
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
        var path = line.Split(' ')[1];
        Write(path, result());
        var (difference, allowed) = (rival.Ask($"compare {path} 0 0").Difference, bound(result()));
        return new Row(
            $"{name}, float64, best of {Rounds} in turn",
            $"{a:0.00} s, {difference:0.0e+0} apart",
            $"{what} {b:0.00} s",
            $"{b / a:0.00} of its speed",
            $"at least 0.8 of its speed, at most {allowed:0.0e+0} apart (rounding)",
            b >= 0.8 * a && difference <= allowed);
    }

    /// <summary>Products of rows whose directions weaken as those of activations do, a quarter of the subspace.</summary>
    private static Row Leading(Rival rival, string path, int n)
    {
        var (rank, x) = (n / 4, Values(2 * n * n));
        for (var i = 0; i < x.Length; i++) x[i] /= Math.Sqrt(1 + (i % n));
        var matrix = Dense.Gram(x, 2 * n, n);
        Write(path, matrix);
        double[] basis = [];
        void Ours() => basis = LeadingSubspace.Of(Semidefinite.Of(matrix, n), rank);
        var before = Measured.Time(Ours);
        var answer = rival.Ask($"eigh {path} {n} {rank}");
        var ours = Math.Min(before, Measured.Time(Ours));
        var image = Dense.Multiply(matrix, basis, n, n, rank);

        // The rows are left with an error of that Frobenius norm: the root of the eigenvalues' sum that is left out.
        var left = Trace(matrix, n) - basis.Zip(image, (a, b) => a * b).Sum();
        var error = Math.Sqrt(left / answer.Least);
        return new Row(
            $"leading {rank} of {n} dimensions, products in float32, better of 2 around the rival's",
            $"{ours:0.0} s, {error:0.00000} of the least error (root of what is left out)",
            $"scipy eigh {answer.Seconds:0.0} s",
            $"{ours / answer.Seconds:0.000} of its time",
            "at most 0.1 of its time and 1.001 of the error",
            ours <= 0.1 * answer.Seconds && error <= 1.001);
    }

    private static double Trace(double[] matrix, int n) => Enumerable.Range(0, n).Sum(i => matrix[(i * n) + i]);

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

        public (double Seconds, double Least, double Difference) Ask(string line)
        {
            _process.StandardInput.WriteLine(line);
            _process.StandardInput.Flush();
            var answer = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"the rival ended at '{line}'");
            var json = JsonDocument.Parse(answer).RootElement;
            return (Value("seconds"), Value("least"), Value("difference"));

            double Value(string name) => json.TryGetProperty(name, out var value) ? value.GetDouble() : 0;
        }

        public void Dispose()
        {
            _process.StandardInput.Close();
            _process.WaitForExit();
            _process.Dispose();
        }
    }
}
