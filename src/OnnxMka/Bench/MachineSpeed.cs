using System.Collections.Immutable;
using System.Diagnostics;
using OnnxMka.Numerics;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Bench;

/// <summary>
/// How fast this machine runs one block of a model and solves equations, from a short probe: a block on a few random tokens and on a batch
/// of them, and one product of matrices.
/// </summary>
/// <param name="LoadSeconds">To open a block from where it lies: the disk, unless memory holds the file.</param>
/// <param name="ReloadSeconds">To open one that was just read.</param>
/// <param name="TokenSeconds">To run a token through a block.</param>
/// <param name="OperationsPerSecond">Additions and multiplications of float64 in large products.</param>
internal sealed record MachineSpeed(double LoadSeconds, double ReloadSeconds, double TokenSeconds, double OperationsPerSecond)
{
    private const int Side = 768; // of the matrices: 0.9 G operations

    public static MachineSpeed Of(BlockChain chain, int length, CancellationToken ct)
    {
        var (block, few, many) = (chain.Map.Count / 3, Tokens(chain, 1, length), Tokens(chain, Math.Max(4, chain.BatchSize), length));
        using var one = chain.RunPrelude(few, ct: ct);
        using var batch = chain.RunPrelude(many, ct: ct);
        Run(chain.Map.Count - 1 - block, one); // the runtime starts
        var (first, together, alone) = (Run(block, one), Run(block, batch), Run(block, one));
        var token = Math.Max(0, together - alone) / (many.TokenCount - few.TokenCount);
        var reload = Math.Max(0, alone - (token * few.TokenCount));
        var values = new double[Side * Side];
        Array.Fill(values, 0.5);
        Dense.Gram(values, 8, 8);
        var clock = Stopwatch.StartNew();
        Dense.Multiply(values, values, Side, Side, Side);
        return new MachineSpeed(
            Math.Max(reload, first - (token * few.TokenCount)), reload, token, 2.0 * Side * Side * Side / clock.Elapsed.TotalSeconds);

        double Run(int place, SeamActivations stream)
        {
            var time = Stopwatch.StartNew();
            chain.RunBlock(place, stream, ct: ct).Dispose();
            return time.Elapsed.TotalSeconds;
        }
    }

    private static CalibrationSet Tokens(BlockChain chain, int samples, int length)
    {
        var ids = Enumerable.Range(0, samples).Select(seed => RandomTokens.Of(chain.Map, length, seed));
        return new CalibrationSet([.. ids], length, "random token ids", "");
    }
}

/// <summary>Work that lies ahead.</summary>
/// <param name="Loads">Blocks opened.</param>
/// <param name="Reloads">The same blocks opened again.</param>
/// <param name="Tokens">Tokens run through a block.</param>
/// <param name="Operations">Of float64, in equations.</param>
internal readonly record struct Effort(double Loads, double Reloads, double Tokens, double Operations)
{
    public static Effort operator +(Effort a, Effort b) =>
        new(a.Loads + b.Loads, a.Reloads + b.Reloads, a.Tokens + b.Tokens, a.Operations + b.Operations);

    public static Effort operator *(double times, Effort a) =>
        new(times * a.Loads, times * a.Reloads, times * a.Tokens, times * a.Operations);

    public double Seconds(MachineSpeed speed) => (Loads * speed.LoadSeconds) + (Reloads * speed.ReloadSeconds)
        + (Tokens * speed.TokenSeconds) + (Operations / speed.OperationsPerSecond);
}
