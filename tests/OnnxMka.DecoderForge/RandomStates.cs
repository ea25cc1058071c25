using System.Collections.Immutable;
using static OnnxMka.Forge.RandomNetwork;

namespace OnnxMka.Forge;

/// <summary>
/// Draws what the blocks keep between steps, and what the graph asks of its caller: caches that keep a window, convolutions and recurrences
/// in the place of attention or beside it, how their ports are numbered, where lengths are read, which logits come out.
/// </summary>
internal sealed class RandomStates(Random random, Network network)
{
    public (ImmutableArray<BlockSpec> Blocks, GraphForm Form) Draw(ImmutableArray<BlockSpec> blocks, GraphForm form)
    {
        if (form.KvPorts != KvPortForm.None)
        {
            form = Attention(form);
            blocks = Windows(Mixers(blocks), form);
            if (blocks.Any(b => b.Mixer != MixerKind.Attention || b.CacheLength > 0)) form = form with { IfMerged = false };
            if (!form.IfMerged) (blocks, form) = Numbers(blocks, form);
        }

        return (blocks, form.IfMerged ? form : Callers(blocks, form));
    }

    /// <summary>One attention a head where heads share nothing but the mask.</summary>
    private GraphForm Attention(GraphForm form)
    {
        var splits = form is { Attention: AttentionForm.Decomposed, KvPorts: KvPortForm.KeyValue } && network.QkNorm != QkNorm.FullWidth;
        return splits && Chance(random, 0.15) ? form with { Attention = AttentionForm.PerHead, IfMerged = false } : form;
    }

    /// <summary>Attention in every second or third block, one or two other mixers in the rest; or recurrence beside it in all.</summary>
    private ImmutableArray<BlockSpec> Mixers(ImmutableArray<BlockSpec> blocks)
    {
        // Where mixers read the stream itself, which grows from block to block, products of three projections leave all bounds.
        if (network.Topology == Topology.NormAfter || !Chance(random, 0.4)) return blocks;
        if (Chance(random, 0.2)) return [.. blocks.Select(b => b with { Mixer = MixerKind.AttentionAndRecurrence })];
        var (period, phase) = (random.Next(2, 4), random.Next(3));
        MixerKind[] others = [Other(), Other()];
        return [.. blocks.Select((b, i) => (i + phase) % period == 0 ? b : b with { Mixer = others[i / period % 2] })];

        MixerKind Other() => Pick(random, MixerKind.Convolution, MixerKind.Recurrence, MixerKind.ConvolvedRecurrence);
    }

    /// <summary>Caches of one or two lengths behind windows, where the graph's own mask fits them.</summary>
    private ImmutableArray<BlockSpec> Windows(ImmutableArray<BlockSpec> blocks, GraphForm form)
    {
        if (form.Attention is AttentionForm.GroupQuery or AttentionForm.Packed || !Chance(random, 0.4)) return blocks;
        var (period, phase) = (random.Next(1, 4), random.Next(3));
        (int Window, int Kept)[] sizes = [(3, 2), (5, random.Next(4, 8))];
        var second = random.Next(2);
        return [.. blocks.Select((b, i) => b.HasAttention && IsCut(i) ? Cut(b, sizes[i % 2 & second]) : b)];

        bool IsCut(int block) => period == 1 || (block + phase) % period != 0;

        static BlockSpec Cut(BlockSpec b, (int Window, int Kept) size) => b with { Window = size.Window, CacheLength = size.Kept };
    }

    private (ImmutableArray<BlockSpec> Blocks, GraphForm Form) Numbers(ImmutableArray<BlockSpec> blocks, GraphForm form)
    {
        var numbers = Pick(
            random, StateNumbers.Layer, StateNumbers.Layer, StateNumbers.Kind, StateNumbers.Mixed, StateNumbers.Source, StateNumbers.Port);
        if (numbers == StateNumbers.Source) blocks = [.. blocks.Select(b => b with { SourceLayers = random.Next(1, 4) })];
        var (own, isApart) = (Chance(random, 0.6), form.KvPorts == KvPortForm.KeyValue);
        return (blocks, form with
        {
            Numbers = numbers,
            StatesAreMembers = Chance(random, 0.5),
            FusedStates = form.Dialect is DialectKind.GenAi or DialectKind.OrtOptimizer && Chance(random, 0.5),
            // One symbol for lengths that differ is a lie that the runtime finds out where it looks: in what is gathered from both in one.
            Symbols = own ? LengthSymbols.Own : isApart && Chance(random, 0.7) ? LengthSymbols.Shared : LengthSymbols.None,
            Cut = own && Chance(random, 0.5) ? CacheCut.Client : CacheCut.Graph,
        });
    }

    private GraphForm Callers(ImmutableArray<BlockSpec> blocks, GraphForm form)
    {
        var inFunctions = form.Functions == FunctionForm.PerLayer;
        var counts = form.KvPorts != KvPortForm.None;
        // What a cache is when it leaves the block is known behind that block's projections, inside the first block that asks.
        var isLate = counts && form.Attention == AttentionForm.Decomposed && form.Positions != PositionSource.Mask && !inFunctions;
        if (isLate && Chance(random, 0.15)) form = form with { Length = LengthSource.Present };
        if (counts && form.Positions == PositionSource.Port && Chance(random, 0.25)) form = form with { Positions = PositionSource.Past };
        if (Chance(random, 0.1)) form = form with { Length = LengthSource.CachePosition, Positions = PositionSource.CachePosition };
        // Empty tensors are all equal, and sharing would leave one.
        var isBare = form is { Qkv: QkvLayout.Separate, Quantised: false, Sharing: SharingForm.None };
        var separate = isBare && form.Attention != AttentionForm.Packed;
        return form with
        {
            Logits = Pick(random, LogitsForm.All, LogitsForm.All, LogitsForm.All, LogitsForm.Last, LogitsForm.Counted),
            StaticBatch = Chance(random, 0.15),
            WeightInputs = !form.Quantised && !form.ConstantWeights && Chance(random, 0.1),
            OptionalLora = separate && !inFunctions && blocks.Any(b => b.HasAttention) && Chance(random, 0.1),
        };
    }
}
