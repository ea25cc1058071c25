using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Structure;

namespace OnnxMka.Bench;

/// <summary>The kinds of steps that a recipe may name.</summary>
public sealed class StepKinds
{
    private readonly ImmutableArray<IStepKind> _kinds;

    private StepKinds(ImmutableArray<IStepKind> kinds) => _kinds = kinds;

    /// <summary>None.</summary>
    public static StepKinds Empty { get; } = new([]);

    /// <summary>In the order in which they were registered.</summary>
    public IEnumerable<IStepKind> All => _kinds;

    /// <summary>The same and one more. Throws <see cref="ArgumentException"/> where the name or the record has a kind already.</summary>
    public StepKinds With(IStepKind kind) => _kinds.Any(k => k.Name == kind.Name || k.Options == kind.Options)
        ? throw new ArgumentException($"there is a kind '{kind.Name}' or one for {kind.Options.Name} already", nameof(kind))
        : new StepKinds(_kinds.Add(kind));

    /// <summary>Null where no kind has that name.</summary>
    public IStepKind? Named(string name) => _kinds.FirstOrDefault(k => k.Name == name);

    /// <summary>Throws <see cref="ArgumentException"/> for a record that no kind has.</summary>
    public IStepKind Of(Step step) => _kinds.FirstOrDefault(k => k.Options == step.GetType())
        ?? throw new ArgumentException($"no kind of step is registered for {step.GetType().Name}", nameof(step));

    /// <summary>What the first step that runs a model often will take; null where none does.</summary>
    internal Prospect? Ahead(IEnumerable<Step> steps, BlockMap map, CalibrationSplit split) =>
        steps.Select(s => Of(s).ProspectOf(s, map, split, this)).FirstOrDefault(p => p is not null);
}
