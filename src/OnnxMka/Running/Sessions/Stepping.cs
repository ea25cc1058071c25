namespace OnnxMka.Running.Sessions;

/// <summary>
/// What a decoder says to tokens one by one, behind the cache of those before them, beside what it says in one run over all.
/// </summary>
/// <param name="Difference">Largest difference of a logit, relative to the largest of all; NaN where one is no number.</param>
/// <param name="Alone">The same difference between a token in its text and the token alone: what it makes to forget all that stood
/// before.</param>
/// <param name="Tokens">Tokens of the text.</param>
internal sealed record Stepping(double Difference, double Alone, int Tokens)
{
    /// <summary>Tokens read at once before the first step, where no longer way is asked for.</summary>
    public const int NearPrefill = 8;

    public const int NearTokens = 16;

    /// <summary>
    /// A model made from another may round ten times as much. Where that is more than forgetting the text makes, a check passes whatever
    /// the caches hold.
    /// </summary>
    private const double Headroom = 10;

    /// <summary>Places at the end of the text at which tokens are tried alone.</summary>
    private const int TriedAlone = 4;

    /// <summary>
    /// The most that a model made from this one may differ: ten times as much, and at least what rounding alone can make.
    /// </summary>
    public double Allowed(double floor) => Math.Max(Headroom * Difference, floor);

    /// <summary>What the runtime said where it ran the whole and failed at a step.</summary>
    public RefusedException? Failure { get; private init; }

    /// <summary>Both, of one model.</summary>
    public Stepping And(Stepping other) =>
        new(
            LogitRows.Larger(Difference, other.Difference),
            Math.Min(Alone, other.Alone),
            Math.Max(Tokens, other.Tokens))
        {
            Failure = Failure ?? other.Failure,
        };

    /// <summary>The cache is what it is taken for: the difference is rounding, and a wrong cache would show beside it.</summary>
    /// <param name="most">What rounding makes at most (<see cref="Rounding"/>).</param>
    public bool IsUnderstood(double most) => Difference <= most && CanFail(Headroom * Difference);

    /// <summary>A cache that is not read would fail a check that allows so much.</summary>
    public bool CanFail(double allowed) => allowed < Alone;

    /// <summary>
    /// Reads a beginning at once, and the rest of the text token by token. Refuses what the runtime fails at in the whole.
    /// </summary>
    /// <param name="prefill">Tokens of the beginning.</param>
    public static Stepping Of(DecoderSession session, ReadOnlySpan<int> ids, int prefill)
    {
        var first = prefill - 1;
        var whole = session.At(ids, [.. Enumerable.Range(first, ids.Length - first)]);
        double difference;
        try
        {
            session.Restart();
            difference = LogitRows.Distance(session.StepToLast(ids[..prefill]), whole[0]);
            for (var i = prefill; i < ids.Length; i++)
                difference = LogitRows.Larger(difference, LogitRows.Distance(session.StepToLast(ids.Slice(i, 1)), whole[i - first]));
        }
        catch (RefusedException e) when (RuntimeSession.Failed(e))
        {
            return new Stepping(double.PositiveInfinity, 0, ids.Length) { Failure = e };
        }
        finally
        {
            session.Restart();
        }

        double alone = 0;
        for (var i = ids.Length - TriedAlone; i < ids.Length; i++)
            alone = LogitRows.Larger(alone, LogitRows.Distance(session.At(ids.Slice(i, 1), [0])[0], whole[i - first]));
        var scale = whole.Max(LogitRows.Scale);
        return new Stepping(difference / scale, alone / scale, ids.Length);
    }
}
