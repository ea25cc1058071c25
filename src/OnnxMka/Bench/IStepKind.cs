using OnnxMka.Compensation;
using OnnxMka.Structure;

namespace OnnxMka.Bench;

/// <summary>What a kind of step does. A user's own is registered beside those that come along (<see cref="StepKinds.With"/>).</summary>
public interface IStepKind
{
    /// <summary>Its name in recipes: lower case, words joined by hyphens.</summary>
    string Name { get; }

    /// <summary>The record with its options, a <see cref="Step"/>.</summary>
    Type Options { get; }

    /// <summary>
    /// The decided steps that an open one comes to; a decided one gives itself. It may run the model and changes nothing. Refuses what
    /// cannot be done to this model.
    /// </summary>
    Decision Decide(Step step, ModelState state, Workbench bench);

    /// <summary>The model after a decided step. The state that came in stays as it is.</summary>
    StepResult Apply(Step decided, ModelState state, Workbench bench);

    /// <summary>What stands in its place in the control, the plain removal of the same units; null for nothing.</summary>
    Step? Control(Step decided);

    /// <summary>What a step will take on such a model and text, where it runs the model often; null else.</summary>
    /// <param name="kinds">Those of the steps that it may hold.</param>
    internal Prospect? ProspectOf(Step step, BlockMap map, CalibrationSplit split, StepKinds kinds) => null;

    /// <summary>A result that was made before the step was chosen, as it is told now.</summary>
    StepResult Retold(Step decided, ModelState before, StepResult held) => held;
}

/// <summary>The same for one record.</summary>
/// <param name="name">Its name in recipes.</param>
public abstract class StepKind<TStep>(string name) : IStepKind
    where TStep : Step
{
    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public Type Options => typeof(TStep);

    /// <inheritdoc/>
    public Decision Decide(Step step, ModelState state, Workbench bench) => Decide((TStep)step, state, bench);

    /// <inheritdoc/>
    public StepResult Apply(Step decided, ModelState state, Workbench bench) => Apply((TStep)decided, state, bench);

    /// <inheritdoc/>
    public Step? Control(Step decided) => Control((TStep)decided);

    /// <inheritdoc/>
    public StepResult Retold(Step decided, ModelState before, StepResult held) => Retold((TStep)decided, before, held);

    /// <inheritdoc cref="IStepKind.Decide"/>
    protected abstract Decision Decide(TStep step, ModelState state, Workbench bench);

    /// <inheritdoc cref="IStepKind.Apply"/>
    protected abstract StepResult Apply(TStep decided, ModelState state, Workbench bench);

    /// <inheritdoc cref="IStepKind.Control"/>
    protected virtual Step? Control(TStep decided) => null;

    /// <inheritdoc cref="IStepKind.Retold"/>
    protected virtual StepResult Retold(TStep decided, ModelState before, StepResult held) => held;
}

/// <summary>A kind of which every step is decided into steps of other kinds, and none is applied itself.</summary>
public abstract class OpenStepKind<TStep>(string name) : StepKind<TStep>(name)
    where TStep : Step
{
    /// <summary>Throws <see cref="ArgumentException"/>.</summary>
    protected sealed override StepResult Apply(TStep decided, ModelState state, Workbench bench) =>
        throw new ArgumentException($"a step '{Name}' is decided first", nameof(decided));
}
