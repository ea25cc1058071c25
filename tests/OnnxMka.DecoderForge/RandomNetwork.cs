using System.Collections.Immutable;

namespace OnnxMka.Forge;

/// <summary>Draws what is computed.</summary>
internal static class RandomNetwork
{
    public static Network Draw(Random random)
    {
        var norm = random.Next(2) == 0 ? NormKind.Rms : NormKind.Layer;
        var heads = random.Next(2) == 0 ? 2 : 4;
        var kvHeads = Pick(random, [.. new[] { 1, 2, 4 }.Where(k => heads % k == 0)]);
        var headSize = Pick(random, 16, 16, 32);
        var positions = Pick(
            random, PositionKind.Rotary, PositionKind.Rotary, PositionKind.Rotary, PositionKind.Learned, PositionKind.None);
        var topology = Pick(
            random,
            Topology.PreNorm,
            Topology.PreNorm,
            Topology.PreNorm,
            Topology.PostNorm,
            Topology.ParallelOneNorm,
            Topology.ParallelTwoNorms,
            Topology.Sandwich, Topology.NormAfter);

        // Where attention reads the stream itself, which grows from block to block, only q/k norms keep the scores in bounds.
        if (topology == Topology.NormAfter) norm = NormKind.Rms;
        var normsHeads = norm == NormKind.Rms && (topology == Topology.NormAfter || Chance(random, 0.25));
        return new Network
        {
            Vocabulary = Pick(random, 53, 97, 131),
            Hidden = Pick(random, 32, 64, 96),
            Heads = heads,
            KvHeads = kvHeads,
            HeadSize = headSize,
            Inner = Pick(random, 64, 96, 128),
            Norm = norm,
            Epsilon = Pick(random, 1e-5f, 1e-6f),
            Topology = topology,
            QkvBias = Chance(random, 0.3),
            OutputBias = Chance(random, 0.3),
            MlpBias = Chance(random, 0.3),
            QkNorm = normsHeads ? Pick(random, QkNorm.PerHead, QkNorm.FullWidth) : QkNorm.None,
            Positions = positions,
            PositionOffset = Chance(random, 0.2) ? 2 : 0,
            RotaryDim = Chance(random, 0.25) ? headSize / 2 : 0,
            RotaryInterleaved = Chance(random, 0.2),
            RopeTheta = Pick(random, 10000f, 1000f),
            ResidualScale = Chance(random, 0.15) ? 0.5f : 1,
            EmbeddingScale = Chance(random, 0.15) ? 4 : 1,
            LogitScale = Chance(random, 0.1) ? 0.25f : 1,
            AttentionSoftcap = Chance(random, 0.1) ? 20 : 0,
            LogitSoftcap = Chance(random, 0.1) ? 30 : 0,
            Head = Pick(random, HeadKind.Tied, HeadKind.Untied),
            EmbeddingNorm = Chance(random, 0.1),
        };
    }

    /// <summary>2 to 8 blocks: all of a kind, or two kinds by turns in one property.</summary>
    public static ImmutableArray<BlockSpec> DrawBlocks(Random random, Network network)
    {
        var dense = Pick(
            random, MlpKind.SwiGlu, MlpKind.SwiGlu, MlpKind.GeGlu, MlpKind.Gelu, MlpKind.GeluTanh, MlpKind.Relu, MlpKind.ReluSquared);
        var count = random.Next(2, 9);
        var (pattern, period, phase) = (random.Next(8), random.Next(2, 4), random.Next(3));
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            var other = (i + phase) % period == 0;
            return new BlockSpec
            {
                Mlp = pattern == 0 && other ? MlpKind.Experts : dense,
                Window = pattern == 1 && other ? 5 : 0,
                NoRope = pattern == 2 && other,
                LocalRope = pattern == 3 && other && network.Positions == PositionKind.Rotary,
            };
        })];
    }

    public static T Pick<T>(Random random, params ReadOnlySpan<T> choices) => choices[random.Next(choices.Length)];

    public static bool Chance(Random random, double probability) => random.NextDouble() < probability;
}
