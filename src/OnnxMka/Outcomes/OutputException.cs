namespace OnnxMka.Outcomes;

/// <summary>The output cannot be written or is in the way; nothing was lost.</summary>
public sealed class OutputException(string message, Exception? inner = null) : OnnxMkaException(message, inner);
