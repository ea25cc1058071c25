namespace OnnxMka.Bench;

/// <summary>
/// One step of a recipe: options alone. An open step says what is wanted, a decided one leaves nothing to choose; one record serves both.
/// It is written as JSON and YAML under the name of its kind.
/// </summary>
public abstract record Step;
