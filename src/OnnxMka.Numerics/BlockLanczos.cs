// Leading eigenpairs of a symmetric A below a known one (1, u0): block Lanczos with full reorthogonalisation and thick restart
// (Golub and Underwood 1977; Wu and Simon, SIAM J. Matrix Anal. 22, 2000). A [N, N], u0 [N] -> values, vectors [count][N].
//
//   basis Q = [Q_1 .. Q_m], panels of 8 orthonormal columns, all orthogonal to u0;  T = Q'AQ is kept in full
//   W = A Q_m - Q (Q'W) - u0 (u0'W);  W = Q_{m+1} R;  Q_{m+1} projected and orthonormalised once more
//   Ritz pairs (theta, Q s) of T;  ||A Q s - theta Q s|| = ||R s_m||, s_m the last 8 entries of s
//   basis full: keep the leading Ritz vectors as the new Q_1 .. Q_kept, T = diag(theta), go on with Q_{m+1}
//
// A block of eight finds eigenvalues of multiplicity up to eight, which one vector alone would miss. The start is a
// fixed pseudo-random panel: the same matrix gives the same bits.

namespace OnnxMka.Numerics;

/// <summary>Y = A Q for eight vectors side by side: Q and Y [N, 8], row-major; the same bits every time.</summary>
internal delegate void PanelProduct(double[] panel, double[] product);

internal sealed class BlockLanczos
{
    /// <summary>Smallest N for which the method has room to work for any permitted number of pairs.</summary>
    public const int SmallestSize = 129;

    private const int Seed = 20240616;
    private const int MaxRestarts = 100;

    /// <summary>Panels between the kept ones and a restart.</summary>
    private const int FreshPanels = 16;

    /// <summary>Panels between two looks at the Ritz values: a look costs about as much as several panels.</summary>
    private const int PanelsPerLook = 4;

    private readonly double[] _known; // u0 [N]
    private readonly PanelProduct _multiply;
    private readonly int _keptPanels; // those that a restart leaves: all that is wanted, and two more for speed
    private readonly int _capacity; // panels
    private readonly List<double[]> _basis = []; // panels [N, 8]
    private readonly double[,] _projected; // T [8 capacity, 8 capacity]
    private readonly Random _random = new(Seed);

    private BlockLanczos(double[] known, PanelProduct multiply, int count)
    {
        _known = known;
        _multiply = multiply;
        _keptPanels = ((count + Panel.Width - 1) / Panel.Width) + 2;
        _capacity = Math.Min(_keptPanels + FreshPanels, ((known.Length - 1) / Panel.Width) - 1);
        _projected = new double[_capacity * Panel.Width, _capacity * Panel.Width];
    }

    /// <summary>
    /// The <paramref name="count"/> leading pairs orthogonal to u0, to <paramref name="tolerance"/> or as far as it gets; A has norm 1.
    /// </summary>
    /// <param name="known">u0 [N], a unit vector.</param>
    public static EigenPairs Leading(double[] known, PanelProduct multiply, int count, double tolerance) =>
        new BlockLanczos(known, multiply, count).Run(count, tolerance);

    private EigenPairs Run(int count, double tolerance)
    {
        var next = StartPanel();
        for (var restarts = 0; ;)
        {
            _basis.Add(next);
            (next, var coupling) = Extend();
            var full = _basis.Count == _capacity;
            if (!full && (_basis.Count < _keptPanels || _basis.Count % PanelsPerLook != 0))
                continue;

            var (values, vectors) = RitzPairs();
            if (Converged(vectors, coupling, count, tolerance) || (full && restarts == MaxRestarts))
                return new EigenPairs(values[..count], Combine(vectors, count));
            if (full)
            {
                Restart(values, vectors);
                restarts++;
            }
        }
    }

    private double[] StartPanel()
    {
        var panel = Panel.Zero(_known.Length);
        for (var i = 0; i < panel.Length; i++)
            panel[i] = _random.NextDouble() - 0.5;
        Panel.Deflate(panel, _known);
        Orthonormalise(panel);
        return panel;
    }

    /// <summary>Multiplies the last panel, fills its row and column of T, and returns the next panel with R [8, 8].</summary>
    private (double[] Next, double[] Coupling) Extend()
    {
        var last = _basis.Count - 1;
        var w = Panel.Zero(_known.Length);
        _multiply(_basis[last], w);
        Project(w, (b, c) =>
        {
            for (var r = 0; r < Panel.Width; r++)
            {
                for (var k = 0; k < Panel.Width; k++)
                    _projected[(b * Panel.Width) + r, (last * Panel.Width) + k] = c[(r * Panel.Width) + k];
            }
        });
        SymmetriseLast(last);
        var coupling = Orthonormalise(w);

        // Again, now that all columns have norm 1: a column that was almost nothing was mostly rounding, not orthogonal.
        // What this takes away, times R, is of the order of the rounding of A, so T and R stay as they are.
        Project(w);
        Orthonormalise(w);
        return (w, coupling);
    }

    /// <summary>W -= u0 (u0'W) + Q (Q'W), panel by panel; each C = Q_b'W [8, 8] is shown to <paramref name="record"/>.</summary>
    private void Project(double[] w, Action<int, double[]>? record = null)
    {
        var c = new double[Panel.Width * Panel.Width];
        Panel.Deflate(w, _known);
        for (var b = 0; b < _basis.Count; b++)
        {
            Panel.Gram(_basis[b], w, c);
            Panel.AddProduct(w, _basis[b], c, -1);
            record?.Invoke(b, c);
        }
    }

    private void SymmetriseLast(int last)
    {
        var start = last * Panel.Width;
        for (var row = 0; row < start + Panel.Width; row++)
        {
            for (var column = Math.Max(start, row + 1); column < start + Panel.Width; column++)
            {
                if (row >= start)
                    _projected[row, column] = 0.5 * (_projected[row, column] + _projected[column, row]);
                _projected[column, row] = _projected[row, column];
            }
        }
    }

    /// <summary>
    /// W = Q R by Gram-Schmidt, each column twice. A column with nothing left becomes a random one, with a zero on R's diagonal.
    /// </summary>
    private double[] Orthonormalise(double[] w)
    {
        const double NothingLeft = 1e-15; // A has norm 1: what is smaller is the rounding of the projections
        var coupling = new double[Panel.Width * Panel.Width]; // R [8, 8], upper triangle
        for (var k = 0; k < Panel.Width; k++)
        {
            for (var pass = 0; pass < 2; pass++)
            {
                for (var j = 0; j < k; j++)
                    coupling[(j * Panel.Width) + k] += RemoveColumn(w, j, k);
            }

            var norm = ColumnNorm(w, k);
            if (norm > NothingLeft)
                coupling[(k * Panel.Width) + k] = norm;
            else
                norm = Refill(w, k);

            for (var i = k; i < w.Length; i += Panel.Width)
                w[i] /= norm;
        }

        return coupling;
    }

    /// <summary>Puts a random column, orthogonal to u0, to the basis and to the columns before it, in place of column k.</summary>
    private double Refill(double[] w, int k)
    {
        for (var i = k; i < w.Length; i += Panel.Width)
            w[i] = _random.NextDouble() - 0.5;

        // The other columns are orthogonal to the basis already: projecting the whole panel again changes only this one.
        for (var pass = 0; pass < 3; pass++)
        {
            Project(w);
            for (var j = 0; j < k; j++)
                RemoveColumn(w, j, k);
        }

        return ColumnNorm(w, k);
    }

    private static double RemoveColumn(double[] w, int j, int k)
    {
        double share = 0;
        for (var i = 0; i < w.Length; i += Panel.Width)
            share += w[i + j] * w[i + k];
        for (var i = 0; i < w.Length; i += Panel.Width)
            w[i + k] -= share * w[i + j];
        return share;
    }

    private static double ColumnNorm(double[] w, int k)
    {
        double sum = 0;
        for (var i = k; i < w.Length; i += Panel.Width)
            sum += w[i] * w[i];
        return Math.Sqrt(sum);
    }

    /// <summary>All eigenpairs of T, largest first: values [m], vectors [m, m] by column.</summary>
    private (double[] Values, double[][] Vectors) RitzPairs()
    {
        var size = _basis.Count * Panel.Width;
        var projected = new double[size * size];
        for (var row = 0; row < size; row++)
        {
            for (var column = 0; column < size; column++)
                projected[(row * size) + column] = _projected[row, column];
        }

        return ProjectedEigen.Descending(projected, size);
    }

    private bool Converged(double[][] vectors, double[] coupling, int count, double tolerance)
    {
        for (var pair = 0; pair < count; pair++)
        {
            var tail = vectors[pair].AsSpan(vectors[pair].Length - Panel.Width); // s_m [8]
            double sum = 0;
            for (var r = 0; r < Panel.Width; r++)
            {
                double entry = 0;
                for (var k = r; k < Panel.Width; k++)
                    entry += coupling[(r * Panel.Width) + k] * tail[k];
                sum += entry * entry;
            }

            if (Math.Sqrt(sum) > tolerance)
                return false;
        }

        return true;
    }

    private void Restart(double[] values, double[][] vectors)
    {
        var kept = new List<double[]>();
        for (var p = 0; p < _keptPanels; p++)
            kept.Add(CombinePanel(vectors, p * Panel.Width, Panel.Width));

        _basis.Clear();
        _basis.AddRange(kept);
        Array.Clear(_projected);
        for (var i = 0; i < _keptPanels * Panel.Width; i++)
            _projected[i, i] = values[i];
    }

    /// <summary>Columns first .. first + columns - 1 of Q S, side by side: [N, 8].</summary>
    private double[] CombinePanel(double[][] vectors, int first, int columns)
    {
        var panel = Panel.Zero(_known.Length);
        Span<double> c = stackalloc double[Panel.Width * Panel.Width];
        for (var b = 0; b < _basis.Count; b++)
        {
            c.Clear();
            for (var k = 0; k < columns; k++)
            {
                for (var r = 0; r < Panel.Width; r++)
                    c[(r * Panel.Width) + k] = vectors[first + k][(b * Panel.Width) + r];
            }

            Panel.AddProduct(panel, _basis[b], c, 1);
        }

        return panel;
    }

    private double[][] Combine(double[][] vectors, int count)
    {
        var result = new double[count][];
        for (var first = 0; first < count; first += Panel.Width)
        {
            var columns = Math.Min(Panel.Width, count - first);
            var panel = CombinePanel(vectors, first, columns);
            for (var k = 0; k < columns; k++)
            {
                var vector = new double[_known.Length];
                for (var i = 0; i < vector.Length; i++)
                    vector[i] = panel[(i * Panel.Width) + k];
                result[first + k] = vector;
            }
        }

        return result;
    }
}
