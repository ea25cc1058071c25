namespace OnnxMka.Emission;

/// <summary>What is written, and where.</summary>
public sealed record OutputOptions
{
    /// <summary>Folder, or a name that ends in <c>.onnx</c>; null with <see cref="DryRun"/>.</summary>
    public string? Path { get; init; }

    /// <summary>Plan and sizes only; nothing is written.</summary>
    public bool DryRun { get; init; }

    /// <summary>Existing output is overwritten.</summary>
    public bool Force { get; init; }

    /// <summary>Nodes and weights keep the old layer numbers in their names; cache ports are renumbered all the same.</summary>
    public bool KeepNames { get; init; }

    /// <summary>All weights go to a data file, even where the input holds them inside.</summary>
    public bool ForceExternalData { get; init; }

    /// <summary>A README.md that says what the model is made of and what it cost.</summary>
    public bool ModelCard { get; init; }

    /// <summary>What the caller reads and writes beside the models: none of it may be written over another, or over theirs.</summary>
    internal NamedFiles Files { get; init; } = NamedFiles.None;

    /// <summary>The command as the user gave it, for the model card; null for calls as a library.</summary>
    internal string? CommandLine { get; init; }
}
