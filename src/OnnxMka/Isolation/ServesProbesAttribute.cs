namespace OnnxMka.Isolation;

/// <summary>
/// Says that a program hands its arguments to <c>Probes.Serve</c> before it looks at them itself, so that it can be its own child.
/// </summary>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class ServesProbesAttribute : Attribute;
