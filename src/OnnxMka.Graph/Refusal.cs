namespace OnnxMka;

/// <summary>Why the tool does not do something: an expected outcome with a reason, not a bug.</summary>
/// <param name="Code">Stable identifier, <c>MKA001</c> and up; listed in the README.</param>
/// <param name="Where">File, node, tensor or option that is the reason.</param>
/// <param name="What">What is wrong with it.</param>
/// <param name="Next">What the user can do.</param>
public sealed record Refusal(string Code, string Where, string What, string Next)
{
    /// <summary>The one line that is printed; names in it come from untrusted files.</summary>
    public override string ToString() => $"{Code} {PrintableText.Short(Where)}: {PrintableText.Short(What)}. {PrintableText.Short(Next)}.";
}

/// <summary>Carries a <see cref="Refusal"/> to whoever asked for the work.</summary>
public sealed class RefusedException(Refusal refusal, Exception? inner = null) : OnnxMkaException(refusal.ToString(), inner)
{
    public RefusedException(string code, string where, string what, string next, Exception? inner = null)
        : this(new Refusal(code, where, what, next), inner)
    {
    }

    public Refusal Refusal { get; } = refusal;
}
