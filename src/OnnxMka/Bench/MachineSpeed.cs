using System.Collections.Immutable;
using System.Diagnostics;
using OnnxMka.Numerics;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Bench;

/// <summary>
/// How fast this machine runs one block of a model and solves equations, from a short probe: the middle block on a few random tokens and
/// on a batch of them, and one product of matrices.
/// </summary>
/// <param name="LoadSeconds">To open a block.</param>
/// <param name="TokenSeconds">To run a token through a block.</param>
/// <param name="OperationsPerSecond">Additions and multiplications of float64 in large products.</param>
internal sealed record MachineSpeed(double LoadSeconds, double TokenSeconds, double OperationsPerSecond)
{
    private const int Side = 768; // of the matrices: 0.9 G operations

    public static MachineSpeed Of(BlockChain chain, int length, CancellationToken ct)
    {
        var (block, few, many) = (chain.Map.Count / 2, Tokens(chain, 1, length), Tokens(chain, Math.Max(4, chain.BatchSize), length));
        using var one = chain.RunPrelude(few, ct: ct);
        using var batch = chain.RunPrelude(many, ct: ct);
        Run(one); // reads the weights into the page cache, and the runtime starts
        var (alone, together) = (Run(one), Run(batch));
        var token = Math.Max(0, together - alone) / (many.TokenCount - few.TokenCount);
        var values = new double[Side * Side];
        Array.Fill(values, 0.5);
        Dense.Gram(values, 8, 8);
        var clock = Stopwatch.StartNew();
        Dense.Multiply(values, values, Side, Side, Side);
        return new MachineSpeed(
            Math.Max(0, alone - (token * few.TokenCount)), token, 2.0 * Side * Side * Side / clock.Elapsed.TotalSeconds);

        double Run(SeamActivations stream)
        {
            var time = Stopwatch.StartNew();
            chain.RunBlock(block, stream, ct: ct).Dispose();
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
/// <param name="Tokens">Tokens run through a block.</param>
/// <param name="Operations">Of float64, in equations.</param>
internal readonly record struct Effort(double Loads, double Tokens, double Operations)
{
    public static Effort operator +(Effort a, Effort b) => new(a.Loads + b.Loads, a.Tokens + b.Tokens, a.Operations + b.Operations);

    public static Effort operator *(double times, Effort a) => new(times * a.Loads, times * a.Tokens, times * a.Operations);

    public double Seconds(MachineSpeed speed) =>
        (Loads * speed.LoadSeconds) + (Tokens * speed.TokenSeconds) + (Operations / speed.OperationsPerSecond);
}
