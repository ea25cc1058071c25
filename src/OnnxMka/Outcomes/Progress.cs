namespace OnnxMka.Outcomes;

/// <summary>Where the pipeline says what it is doing. Calls may come from any thread.</summary>
public interface IProgressSink
{
    /// <summary>Starts a stage of known size.</summary>
    IStage Begin(string name, long total, string unit);

    /// <summary>A line worth reading that is no result.</summary>
    void Note(string text);
}

/// <summary>One stage at work; disposed when it ends, however it ends.</summary>
public interface IStage : IDisposable
{
    /// <summary>So much more is done, in the unit of the stage.</summary>
    void Advance(long amount);
}

internal static class Stages
{
    /// <summary>Reports that tell how much has been added.</summary>
    public static IProgress<T> AsIncrement<T>(this IStage stage)
        where T : struct, IConvertible => new Relay<T>(value => stage.Advance(value.ToInt64(null)));

    /// <summary>Reports that tell the total so far, in any order.</summary>
    public static IProgress<T> AsTotal<T>(this IStage stage)
        where T : struct, IConvertible
    {
        long done = 0;
        var gate = new Lock();
        return new Relay<T>(value =>
        {
            lock (gate)
            {
                var total = value.ToInt64(null);
                if (total <= done) return;
                stage.Advance(total - done);
                done = total;
            }
        });
    }

    private sealed class Relay<T>(Action<T> action) : IProgress<T>
    {
        public void Report(T value) => action(value);
    }
}

/// <summary>Says nothing.</summary>
internal sealed class NoProgress : IProgressSink, IStage
{
    public static NoProgress Instance { get; } = new();

    public IStage Begin(string name, long total, string unit) => this;

    public void Note(string text)
    {
    }

    public void Advance(long amount)
    {
    }

    public void Dispose()
    {
    }
}
