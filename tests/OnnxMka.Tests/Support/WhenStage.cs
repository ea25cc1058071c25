using OnnxMka.Outcomes;

namespace OnnxMka.Tests;

/// <summary>Does something when a stage begins.</summary>
internal sealed class WhenStage(string stage, Action action) : IProgressSink
{
    public bool Reached { get; private set; }

    public IStage Begin(string name, long total, string unit)
    {
        if (name != stage) return NoProgress.Instance;
        Reached = true;
        action();
        return NoProgress.Instance;
    }

    public void Note(string text)
    {
    }
}
