namespace OnnxMka.Outcomes;

/// <summary>One check of the output and its outcome.</summary>
/// <param name="Check">What was checked, for people.</param>
/// <param name="Value">What was measured.</param>
/// <param name="Tolerance">The most that is allowed.</param>
/// <param name="Derivation">Where the tolerance comes from.</param>
public sealed record Verdict(string Check, double Value, double Tolerance, string Derivation)
{
    /// <summary>False for a value that is no number, too.</summary>
    public bool Passed => Value <= Tolerance;
}
