using System.Collections.Immutable;
using OnnxMka.Alignment;

namespace OnnxMka.Planning;

/// <summary>
/// NPIB of every pair of seams as plain numbers: what planning needs of an analysis, whether just computed or read from a file.
/// </summary>
/// <param name="Rows">Symmetric, L x L, in [0, 1].</param>
internal sealed record SimilarityTable(ImmutableArray<ImmutableArray<double>> Rows)
{
    public int Count => Rows.Length;

    public double this[int left, int right] => Rows[left][right];

    public static SimilarityTable From(SimilarityMatrix matrix) =>
        new(
            [
                .. Enumerable.Range(0, matrix.Count).Select(
                    i => Enumerable.Range(0, matrix.Count).Select(j => matrix[i, j]).ToImmutableArray()),
            ]);
}
