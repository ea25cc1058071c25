using System.Collections.Concurrent;
using System.Text;
using OnnxMka.Forge;
using OnnxMka.Steps.Cutting;

namespace OnnxMka.Tests.Cutting;

/// <summary>Every form that exporters write, cut wherever it can be cut.</summary>
public sealed class CutFormTests
{
    /// <summary>One of each way to write projections, norms and blocks; all forms with <c>CUT_FORMS=all</c>.</summary>
    private static readonly string[] Some =
    [
        nameof(LlamaPresets.TorchScriptIdentityShared), nameof(LlamaPresets.TorchScriptGemm), nameof(LlamaPresets.TorchScriptFp16),
        nameof(LlamaPresets.OrtOptimizedLlama), nameof(LlamaPresets.GenAiLlamaGqaPackedInOpRotary), nameof(LlamaPresets.GenAiLlamaGqaFp16),
        nameof(LlamaPresets.DynamoConstantWeights), nameof(LlamaPresets.DynamoNormFunctions), nameof(LayerNormPresets.Gpt2TorchScript),
        nameof(LayerNormPresets.Gpt2OrtFused), nameof(LayerNormPresets.OptPostNormFused), nameof(TopologyPresets.Phi2Parallel),
        nameof(TopologyPresets.GenAiPhi2ResidualFirst), nameof(TopologyPresets.GptNeoX), nameof(TopologyPresets.GenAiGemma2Fp16),
        nameof(TopologyPresets.Olmo2), nameof(TopologyPresets.GenAiGranite), nameof(MixedPresets.DenseMoEAlternating),
        nameof(HybridPresets.ConvolutionHybrid),
    ];

    private static bool All => Environment.GetEnvironmentVariable("CUT_FORMS") == "all";

    /// <summary>Widths of MLPs and ranks of all other matrices, against the same factors put back dense by the test.</summary>
    [Fact]
    public void A_cut_computes_what_its_factors_say()
    {
        var wrong = new ConcurrentBag<string>();
        var presets = Presets.Accepted.Where(p => All || Some.Contains(p.Name, StringComparer.Ordinal));
        Parallel.ForEach(presets, new ParallelOptions { MaxDegreeOfParallelism = 2 }, preset =>
        {
            try
            {
                using var model = new CutModel(preset.Model());
                if (Problem(model) is { } problem) wrong.Add($"{preset.Name}: {problem}");
            }
            catch (RefusedException e) when (e.Refusal.Code is "MKA015" or "MKA020")
            {
                // A merged export, and one that takes no ids: the table of what is refused has them.
            }
            catch (Exception e)
            {
                wrong.Add($"{preset.Name}: {e}");
            }
        });
        Assert.True(wrong.IsEmpty, string.Join('\n', wrong));
    }

    [Fact]
    public void What_cannot_be_cut_is_named_with_its_reason()
    {
        var text = new StringBuilder();
        foreach (var preset in Presets.Accepted)
        {
            text.Append(preset.Name).Append('\n');
            try
            {
                using var model = new CutModel(preset.Model());
                Tell(model, text);
            }
            catch (RefusedException e)
            {
                text.Append("  refused: ").Append(e.Message).Append('\n');
            }
        }

        Golden.Check("CutForms", text.ToString());
    }

    /// <summary>Null where all is right.</summary>
    internal static string? Problem(CutModel model)
    {
        var units = model.Halved;
        if (units.IsEmpty) return null;
        var (difference, tolerance, control) = model.Compare(new Cut { Units = units });
        if (!(difference <= tolerance)) return $"{difference:e2}, at most {tolerance:e2}";
        // The control: without its largest direction a pair is another matrix.
        return control > tolerance ? null : $"the control is off by {control:e2} alone, and {tolerance:e2} is allowed";
    }

    /// <summary>Units that lose the same are one line.</summary>
    private static void Tell(CutModel model, StringBuilder text)
    {
        foreach (var like in model.Units.GroupBy(u => (
            Sizes: string.Join(", ", u.Sizes.Select(s => $"{s.Key} {s.Value}")), Obstacles: string.Join("; ", u.Obstacles))))
        {
            text.Append("  ").AppendJoin(' ', like.Select(u => u.Block.Name)).Append(": ");
            text.Append(like.Key.Sizes.Length > 0 ? like.Key.Sizes : "nothing");
            text.Append(like.Key.Obstacles.Length > 0 ? $"; not {like.Key.Obstacles}\n" : "\n");
        }
    }
}
