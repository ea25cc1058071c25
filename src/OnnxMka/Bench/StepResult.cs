using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Outcomes;

namespace OnnxMka.Bench;

/// <summary>What a step was decided into.</summary>
/// <param name="Steps">Decided steps, in order.</param>
/// <param name="Sections">What is to be told of the choice.</param>
public sealed record Decision(ImmutableArray<Step> Steps, ImmutableArray<Section> Sections)
{
    /// <summary>Of one step.</summary>
    public static Decision Of(Step decided, params ReadOnlySpan<Section> sections) => new([decided], [.. sections]);
}

/// <summary>What a decided step made of a model.</summary>
/// <param name="State">The model that it made.</param>
/// <param name="Sections">What is to be told of it.</param>
/// <param name="Checks">What must hold of the file that is written in the end.</param>
public sealed record StepResult(ModelState State, ImmutableArray<Section> Sections, ImmutableArray<Check> Checks)
{
    /// <summary>One without checks.</summary>
    public static StepResult Of(ModelState state, params ReadOnlySpan<Section> sections) => new(state, [.. sections], []);
}

/// <summary>
/// A check of the written model against the input. One that does not pass ends the run, and nothing stays under the output's name.
/// </summary>
/// <param name="Name">What is checked, for people.</param>
/// <param name="Run">Takes the input and the model as it was read again from disk.</param>
public sealed record Check(string Name, Func<ModelState, OnnxModel, Verdict> Run);

/// <summary>What a step has to tell: a field of the JSON report, and the same as lines and tables for people.</summary>
/// <param name="Name">The field's name; a section of the same name that comes later takes its place.</param>
/// <param name="Value">What is written as JSON there.</param>
public sealed record Section(string Name, object Value)
{
    /// <summary>In the order in which they are shown. Texts may hold names from a model: whoever shows them escapes them.</summary>
    public ImmutableArray<SectionPart> Shown { get; init; } = [];

    /// <summary>A word for what it did, beside "dropped" or "merged" in tables of models; null for none.</summary>
    public string? Label { get; init; }
}

/// <summary>A piece of a section.</summary>
public abstract record SectionPart;

/// <summary>One line of text.</summary>
public sealed record SectionLine(string Text) : SectionPart;

/// <summary>A table; every row has a cell a column.</summary>
public sealed record SectionTable(ImmutableArray<string> Columns, ImmutableArray<ImmutableArray<string>> Rows) : SectionPart;
