namespace OnnxMka.Outcomes;

/// <summary>The output does not do what the plan says; it was removed.</summary>
public sealed class VerificationException(string message, Exception? inner = null) : OnnxMkaException(message, inner);
