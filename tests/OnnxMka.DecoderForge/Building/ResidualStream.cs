using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>
/// What a branch adds to the stream. The bias is a value that is still to be added, where the form leaves that to the join.
/// </summary>
internal sealed record Branch(string Value, string? Bias = null);

/// <summary>
/// The residual stream while it is written: its value, and a branch that has not joined yet where joins are part of norms.
/// </summary>
internal sealed class ResidualStream(GraphWriter g, Norms norms, string start)
{
    private string _value = start;
    private Branch? _pending;

    /// <summary>Takes a normed start that some earlier node has already written (EmbedLayerNormalization).</summary>
    public string? FirstNormed { get; set; }

    /// <summary>The stream's value, with everything joined.</summary>
    public string Read()
    {
        if (_pending is { } branch)
        {
            _value = Add(WithBias(branch));
            _pending = null;
        }

        return _value;
    }

    /// <summary>Adds a branch: now, or inside the next norm.</summary>
    public void Join(Branch branch)
    {
        var residual = Read();
        if (norms.StreamType != g.Type) branch = new Branch(g.Cast(WithBias(branch), norms.StreamType));
        if (g.Form.Join == JoinForm.SkipNorm) _pending = branch;
        else _value = AddTo(residual, WithBias(branch));
    }

    /// <summary>The stream's norm. The stream goes on unnormed.</summary>
    public string Norm(NormWeights w, bool last = false) => Narrow(NormValue(w, last));

    /// <summary>The stream's norm becomes the stream (post-norm blocks).</summary>
    public void NormInPlace(NormWeights w) => _value = NormValue(w, last: true);

    private string NormValue(NormWeights w, bool last)
    {
        if (FirstNormed is { } ready)
        {
            FirstNormed = null;
            return ready;
        }

        if (_pending is { } branch)
        {
            _pending = null;
            var (first, second) = g.Form.BranchFirst ? (branch.Value, _value) : (_value, branch.Value);
            (var fused, _value) = norms.ApplySkip(first, second, w, branch.Bias, needsSum: !last);
            return fused;
        }

        (var normed, _value) = norms.Apply(_value, w, norms.StreamType);
        return normed;
    }

    private string Narrow(string x) => norms.StreamType == g.Type ? x : g.Cast(x, g.Type);

    private string WithBias(Branch branch) => branch.Bias is null ? branch.Value : g.Op("Add", [branch.Value, branch.Bias]);

    private string Add(string branch) => AddTo(_value, branch);

    private string AddTo(string residual, string branch) =>
        g.Form.BranchFirst ? g.Op("Add", [branch, residual]) : g.Op("Add", [residual, branch]);
}
