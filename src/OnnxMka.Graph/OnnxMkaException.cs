namespace OnnxMka;

/// <summary>
/// What this library throws on purpose: the work cannot be done, or its result was not good enough. The message is one line for people.
/// Anything else that comes out of it, but for <see cref="OperationCanceledException"/> and what the file system throws, is a bug.
/// </summary>
public abstract class OnnxMkaException(string message, Exception? inner = null) : Exception(message, inner);
