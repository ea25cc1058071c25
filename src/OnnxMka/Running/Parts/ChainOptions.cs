namespace OnnxMka.Running.Parts;

/// <summary>How a chain runs; nothing here changes what is computed.</summary>
internal sealed record ChainOptions
{
    /// <summary>Samples that run at once.</summary>
    public int BatchSize { get; init; } = 8;

    /// <summary>Bytes of seams that are held in memory, all of a chain together; what goes beyond is kept in files.</summary>
    public long SeamMemory { get; init; } = 1L << 30;

    /// <summary>Folder for those files; null for the system's temporary folder.</summary>
    public string? SpillFolder { get; init; }

    /// <summary>Told when a part's session was loaded (true) and freed (false).</summary>
    internal Action<int, bool>? Watch { get; init; }
}
