namespace OnnxMka.Compensation;

/// <summary>What a seam map multiplies the stream with.</summary>
public enum SeamMapForm
{
    /// <summary>A full matrix: two nodes at each cut.</summary>
    Linear,

    /// <summary>A scale for each Hadamard channel: one node (LinearPatch, arXiv 2505.24680).</summary>
    Hadamard,

    /// <summary>One number: one node (Prune and Comp).</summary>
    Scale,
}
