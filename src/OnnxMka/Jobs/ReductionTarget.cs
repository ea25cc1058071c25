namespace OnnxMka.Jobs;

/// <summary>How small the result must be, or how good it must stay, where that is asked for in place of a number of blocks.</summary>
/// <param name="Bytes">The output's model and data files may take so much; the fewest blocks go that get there.</param>
/// <param name="MaxIncrease">Perplexity on held-out calibration text may rise by this share; as many blocks go as keep it.</param>
public sealed record ReductionTarget(long? Bytes, double? MaxIncrease);
