using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Verification;

/// <summary>Looks at a written model as if it had just come from an exporter (<c>--check</c>).</summary>
internal static class GraphCheck
{
    /// <summary>The graph is whole, and has the blocks that the plan leaves. Refuses as loading and detection do.</summary>
    /// <param name="rewritten">What was to be written: node names that it has twice, since the input had, may stand there twice.</param>
    /// <exception cref="VerificationException">Another number of blocks was found.</exception>
    public static Verdict Run(string modelPath, MergePlan plan, OnnxModel? rewritten = null)
    {
        var model = OnnxModel.Load(modelPath);
        GraphInvariants.Check(model, "write", rewritten);
        var left = plan.KeptLayers.Count();
        var found = BlockDetector.Detect(model).Count;
        var verdict = new Verdict("blocks found anew", Math.Abs(found - left), 0, $"the plan leaves {left}");
        return verdict.Passed
            ? verdict
            : throw new VerificationException($"The output has {found} blocks and the plan leaves {left}. It was removed.");
    }
}
