namespace OnnxMka.Running.Parts;

/// <summary>
/// A part that stays loaded: any number of streams of one form run through it, and its weights are read and converted once.
/// </summary>
internal sealed class OpenPart : IDisposable
{
    private readonly BlockChain _chain;
    private readonly PartSession _session;

    internal OpenPart(BlockChain chain, PartSession session) => (_chain, _session) = (chain, session);

    /// <summary>What the part leaves of a stream, which is kept as it is. Progress counts samples.</summary>
    public SeamActivations Run(SeamActivations input, IProgress<int>? progress = null, CancellationToken ct = default) =>
        _chain.Kept(_session, input.Set, input, null, progress, ct);

    /// <summary>What the part leaves (first) and its taps, of some samples at a time; nothing is kept.</summary>
    public void Observe(SeamActivations input, PartConsumer consumer, CancellationToken ct) =>
        _chain.Observe(_session, input, consumer, ct);

    public void Dispose() => _session.Dispose();
}
