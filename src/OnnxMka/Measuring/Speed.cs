using System.Collections.Immutable;
using System.Diagnostics;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Measuring;

/// <summary>Tokens a second over several runs.</summary>
/// <param name="Low">The slowest run.</param>
/// <param name="High">The fastest.</param>
internal sealed record Rate(double Median, double Low, double High)
{
    public static Rate Of(IEnumerable<double> runs)
    {
        double[] sorted = [.. runs.Order()];
        var middle = sorted.Length / 2;
        return new Rate(sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2, sorted[0], sorted[^1]);
    }
}

/// <summary>How fast one model is, and what it holds.</summary>
/// <param name="Prefill">A whole prompt at once.</param>
/// <param name="Decode">One token at a time behind the prompt; null for a model without KV cache, or whose cache is not understood.</param>
/// <param name="MemoryBytes">
/// Growth of the process's working set while the model was loaded and ran its first prompt; 0 where none was seen.
/// </param>
internal sealed record ModelSpeed(Rate Prefill, Rate? Decode, long MemoryBytes)
{
    /// <summary>What generation is bound by: decoding where the model has a cache.</summary>
    public Rate Bound => Decode ?? Prefill;
}

/// <summary>Speeds of models that took turns.</summary>
/// <param name="Models">In the order given.</param>
/// <param name="Rounds">Runs of each.</param>
internal sealed record SpeedTable(ImmutableArray<ModelSpeed> Models, int Rounds, int PromptTokens, int DecodedTokens);

/// <summary>
/// Prefill and decode speed of several models on the same tokens. They take turns within each round, in turning order, so that what
/// slows the machine for a while slows all of them.
/// </summary>
internal static class Speed
{
    public const int Rounds = 7;

    /// <summary>Tokens decoded one at a time; the rest of a window is its prompt.</summary>
    private const int Decoded = 32;

    /// <summary>Longest window that is run.</summary>
    private const int Longest = 512;

    /// <summary>Steps of work that progress counts.</summary>
    public static int Work(int models) => models * (Rounds + 1);

    /// <param name="texts">Token sequences; windows of one length are cut from them. Null is returned where none has 8 tokens.</param>
    /// <param name="context">Most tokens that the models read; null for no limit.</param>
    public static SpeedTable? Measure(
        IReadOnlyList<BlockMap> models,
        IReadOnlyList<int[]> texts,
        int? context,
        ExecutionTarget target,
        IProgress<int>? progress = null,
        CancellationToken ct = default)
    {
        var most = Math.Min(context ?? Longest, models.Min(m => GraphLengths.Of(m).Fit(Longest)));
        var length = Math.Min(Math.Min(Longest, most), texts.Select(t => t.Length).DefaultIfEmpty(0).Max());
        if (length < 8) return null;
        var decoded = Math.Min(Decoded, length / 4);
        int[][] windows =
        [
            .. texts.Where(t => t.Length >= length).SelectMany(t => t.Chunk(length)).Where(w => w.Length == length).Take(Rounds),
        ];
        var running = new List<Running>();
        try
        {
            // What the runtime itself takes, once, is no model's.
            Running.Load(models[0], windows[0], decoded, target).Dispose();
            foreach (var model in models)
            {
                running.Add(Running.Load(model, windows[0], decoded, target));
                progress?.Report(1);
            }

            var steps = running.TrueForAll(r => r.Steps) ? decoded : 0;
            for (var round = 0; round < Rounds; round++)
            {
                for (var turn = 0; turn < running.Count; turn++)
                {
                    ct.ThrowIfCancellationRequested();
                    running[(round + turn) % running.Count].Run(windows[round % windows.Length], length - decoded, steps);
                    progress?.Report(1);
                }
            }

            return new SpeedTable([.. running.Select(r => r.Speed)], Rounds, length - decoded, steps);
        }
        finally
        {
            foreach (var model in running) model.Dispose();
        }
    }

    private sealed class Running(DecoderSession session, long memory) : IDisposable
    {
        private readonly List<double> _prefill = [];
        private readonly List<double> _decode = [];

        public bool Steps => session.Steps;

        public ModelSpeed Speed => new(Rate.Of(_prefill), _decode.Count > 0 ? Rate.Of(_decode) : null, memory);

        /// <summary>The first run allocates and is not counted.</summary>
        public static Running Load(BlockMap model, int[] window, int decoded, ExecutionTarget target)
        {
            Vocabulary.Check(model, window.Max());
            var before = ProcessMemory.Settled();
            var session = DecoderSession.Load(model, target);
            try
            {
                new Running(session, 0).Run(window, window.Length - decoded, session.Steps ? decoded : 0);
                return new Running(session, Math.Max(0, ProcessMemory.Settled() - before));
            }
            catch
            {
                session.Dispose();
                throw;
            }
        }

        /// <param name="decoded">Tokens behind the prompt that are decoded; 0 where the cache is not what it is taken for.</param>
        public void Run(int[] window, int prompt, int decoded)
        {
            var clock = Stopwatch.StartNew();
            if (!session.Steps)
            {
                session.At(window.AsSpan(0, prompt), [prompt - 1]);
                _prefill.Add(prompt / clock.Elapsed.TotalSeconds);
                return;
            }

            session.Restart();
            session.StepToLast(window.AsSpan(0, prompt));
            _prefill.Add(prompt / clock.Elapsed.TotalSeconds);
            if (decoded > 0)
            {
                clock.Restart();
                foreach (var id in window.AsSpan(prompt, decoded)) session.StepToLast([id]);
                _decode.Add(decoded / clock.Elapsed.TotalSeconds);
            }

            session.Restart();
        }

        public void Dispose() => session.Dispose();
    }
}
