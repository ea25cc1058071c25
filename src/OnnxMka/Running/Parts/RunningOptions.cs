using OnnxMka.Running.Sessions;

namespace OnnxMka.Running.Parts;

/// <summary>Where a model runs, and with how much at once.</summary>
public sealed record RunningOptions
{
    /// <summary>Sequences that run at once; changes memory and speed, not what is computed.</summary>
    public int BatchSize { get; init; } = 8;

    /// <summary>Forces the whole model or one block at a time; null lets <see cref="Memory"/> decide.</summary>
    public RunMode? Mode { get; init; }

    /// <summary>Bytes that running the model may take; null for four fifths of what the machine has or the device has free.</summary>
    public long? Memory { get; init; }

    /// <summary>The device.</summary>
    public ExecutionTarget Target { get; init; } = ExecutionTarget.Cpu;

    /// <summary>The same; where models are isolated, its sessions try these first.</summary>
    internal RunningOptions Trying(IReadOnlyCollection<string> models, CancellationToken ct) =>
        this with { Target = Target.Trying(models, Memory, ct) };
}
