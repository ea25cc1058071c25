namespace OnnxMka.Numerics;

/// <summary>Eigenpairs, largest value first.</summary>
/// <param name="Values">[count].</param>
/// <param name="Vectors">Unit vectors: [count][N].</param>
internal sealed record EigenPairs(double[] Values, double[][] Vectors);
