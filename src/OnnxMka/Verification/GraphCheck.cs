using OnnxMka.Blocks;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Planning;

namespace OnnxMka.Verification;

/// <summary>Looks at a written model as if it had just come from an exporter (<c>--check</c>).</summary>
public static class GraphCheck
{
    /// <summary>The graph is whole, and has the blocks that the plan leaves (where these are two or more). Refuses as loading and detection do.</summary>
    /// <exception cref="VerificationException">Another number of blocks was found.</exception>
    public static Verdict Run(string modelPath, MergePlan plan)
    {
        var model = OnnxModel.Load(modelPath);
        GraphInvariants.Check(model, "write");
        var left = plan.KeptLayers.Count();
        // One block alone repeats nothing, so there is nothing to find.
        var found = left < 2 ? left : BlockDetector.Detect(model).Count;
        var verdict = new Verdict("blocks found anew", Math.Abs(found - left), 0, $"the plan leaves {left}");
        return verdict.Passed ? verdict : throw new VerificationException($"The output has {found} blocks and the plan leaves {left}. It was removed.");
    }
}
