using System.Collections.Immutable;

namespace OnnxMka.Bench;

/// <summary>A decided step that was applied.</summary>
internal sealed record TakenStep(Step Step, ModelState Before, StepResult Result);

/// <summary>A list of steps that was gone through.</summary>
/// <param name="Start">The model before the first.</param>
/// <param name="Taken">All of them, decided.</param>
/// <param name="Sections">What they tell, in order; of two of one name the later counts.</param>
internal sealed record Course(ModelState Start, ImmutableArray<TakenStep> Taken, ImmutableArray<Section> Sections)
{
    /// <summary>The model after the last.</summary>
    public ModelState State => Taken.IsEmpty ? Start : Taken[^1].Result.State;

    public ImmutableArray<Step> Steps => [.. Taken.Select(t => t.Step)];

    public IEnumerable<Check> Checks => Taken.SelectMany(t => t.Result.Checks);

    /// <summary>Both one after the other.</summary>
    internal Course Then(Course next) => new(Start, [.. Taken, .. next.Taken], [.. Sections, .. next.Sections]);
}
