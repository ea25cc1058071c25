using OnnxMka.Planning;

namespace OnnxMka.Cards;

/// <summary>
/// The layers that a plan removes, for tools that prune the same checkpoint in another format:
/// <code>llama-quantize --prune-layers $(cat LIST.txt) model-f16.gguf smaller.gguf Q4_K_M</code>
/// </summary>
internal static class PruneList
{
    /// <summary>Original numbers from 0, ascending, one line.</summary>
    public static string Write(MergePlan plan) => string.Join(',', plan.Removed) + "\n";
}
