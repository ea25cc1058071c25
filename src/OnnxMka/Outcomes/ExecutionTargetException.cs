namespace OnnxMka.Outcomes;

/// <summary>An execution provider that was asked for by name cannot be used.</summary>
public sealed class ExecutionTargetException(string message) : OnnxMkaException(message);
