namespace OnnxMka.Alignment;

/// <summary>An accelerator failed while it scored, most likely for want of memory. The message is one line for people.</summary>
public sealed class ScoringDeviceException(string message, Exception inner) : Exception(message, inner);
