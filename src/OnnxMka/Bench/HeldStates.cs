using OnnxMka.Graph;

namespace OnnxMka.Bench;

/// <summary>
/// States that are being tried: which are kept until their step is applied, and whose files of computed weights are still needed.
/// </summary>
internal sealed class HeldStates : IDisposable
{
    private readonly Dictionary<string, StepResult> _held = new(StringComparer.Ordinal);
    private readonly Dictionary<ScratchFile, int> _files = new(ReferenceEqualityComparer.Instance);

    /// <summary>Takes out what was kept under a key; null for nothing.</summary>
    public StepResult? Take(string key) => _held.Remove(key, out var held) ? held : null;

    public void Hold(string key, StepResult result) => _held[key] = result;

    /// <summary>One more state refers to its files.</summary>
    public void Own(ModelState state)
    {
        foreach (var file in state.Scratch) _files[file] = _files.GetValueOrDefault(file) + 1;
    }

    /// <summary>One less; files that no state refers to go.</summary>
    public void Release(ModelState state)
    {
        foreach (var file in state.Scratch)
        {
            if (--_files[file] > 0) continue;
            _files.Remove(file);
            file.Dispose();
        }
    }

    public void Dispose()
    {
        foreach (var file in _files.Keys) file.Dispose();
        _files.Clear();
    }
}
