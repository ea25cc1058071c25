namespace OnnxMka.Outcomes;

/// <summary>No smaller model keeps within the loss that was allowed; nothing was written.</summary>
public sealed class QualityGateException(string message) : OnnxMkaException(message);
