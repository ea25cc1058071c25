using System.Collections.Immutable;
using System.Text.Json;
using OnnxMka.Inputs;

namespace OnnxMka.Emission;

/// <summary>
/// <c>intermediate_size</c> and its like, after MLPs were cut: one width for all is written there; several have no place in
/// <c>config.json</c>. ONNX runtimes do not read it.
/// </summary>
internal static class MlpWidthRule
{
    private static readonly string[] Keys = ["intermediate_size", "ffn_dim", "decoder_ffn_dim", "n_inner", "ffn_hidden_size", "d_ff"];

    /// <param name="widths">Neurons of the MLPs, each number once.</param>
    public static void Apply(LayerEdits edits, ImmutableSortedSet<int> widths)
    {
        foreach (var path in ConfigPlaces.DecoderObjects.SelectMany(_ => Keys, ConfigPlaces.In))
        {
            if (edits.Json.Find(path) is not { Kind: JsonTokenType.Number } span) continue;
            if (widths.Count == 1) edits.Set(path, span, widths[0]);
            else edits.Warn(path, $"is left alone: the MLPs have from {widths[0]} to {widths[^1]} neurons now, each block its own number");
            return;
        }
    }
}
