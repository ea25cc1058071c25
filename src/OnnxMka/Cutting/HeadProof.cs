using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Matching;
using OnnxMka.Running.Parts;

namespace OnnxMka.Cutting;

/// <summary>Whether a unit whose heads lose columns that do nothing computes the same: a layout is right where it does.</summary>
internal static class HeadProof
{
    /// <summary>Why it does not; null where it does.</summary>
    /// <param name="silent">Zeros in place of the columns that go.</param>
    /// <param name="narrow">The unit without them.</param>
    /// <param name="sample">The unit's input: a few windows.</param>
    public static string? Disproof(
        CompensatedModel model,
        int place,
        BlockChain chain,
        SeamActivations sample,
        IEnumerable<Revision> silent,
        Func<NarrowForm> narrow,
        CancellationToken ct)
    {
        var expected = model.With(silent, new EditScript()).Model;
        try
        {
            var form = narrow();
            var changed = model.With(form.Revisions, form.Nodes).Model;
            var (error, allowed) = UnitProof.Difference(chain, model.Part(expected, place), model.Part(changed, place), sample, ct);
            return error <= allowed
                ? null
                : $"without columns that write nothing its attention computes something else (by {error:0.0e+0} of what it adds)";
        }
        catch (Exception e) when (e is RefusedException or InvalidOperationException)
        {
            return $"it cannot be run with narrower heads: {e.Message.Split('\n')[0]}";
        }
    }
}
