using System.Collections.Immutable;
using static OnnxMka.Forge.RandomNetwork;

namespace OnnxMka.Forge;

/// <summary>Draws how a network is written, within what the operators allow.</summary>
internal sealed class RandomForm(Random random, Network network, ImmutableArray<BlockSpec> blocks)
{
    private bool Rotates => network.Positions == PositionKind.Rotary;

    public GraphForm Draw()
    {
        var attention = Attention();
        var dialect = attention is AttentionForm.Decomposed
            ? Pick(random, DialectKind.TorchScript, DialectKind.TorchScript, DialectKind.Dynamo, DialectKind.OrtOptimizer)
            : Pick(random, DialectKind.GenAi, DialectKind.GenAi, DialectKind.OrtOptimizer);
        var inputsEmbeds = Chance(random, 0.1);
        var headCopy = Chance(random, 0.5);
        var form = new GraphForm
        {
            Attention = attention,
            Dialect = dialect,
            InputsEmbeds = inputsEmbeds,
            Modules = dialect == DialectKind.GenAi
                ? ModuleNames.GenAi
                : Pick(random, ModuleNames.Llama, ModuleNames.Gpt2, ModuleNames.Opt, ModuleNames.NeoX, ModuleNames.Phi),
            Join = dialect is DialectKind.GenAi or DialectKind.OrtOptimizer && Chance(random, 0.7) ? JoinForm.SkipNorm : JoinForm.Add,
            BranchFirst = Chance(random, 0.5),
            SumBranchesFirst = Chance(random, 0.5),
            MlpFirst = Chance(random, 0.5),
            SkipBias = Chance(random, 0.5),
            Rotary = Rotary(attention),
            Qkv = attention == AttentionForm.Decomposed && network.Heads == network.KvHeads && network.QkNorm != QkNorm.FullWidth
                ? Pick(random, QkvLayout.Separate, QkvLayout.Packed, QkvLayout.PackedPerHead)
                : Pick(random, QkvLayout.Separate, QkvLayout.Packed),
            Linear = Pick(
                random,
                LinearForm.MatMul,
                LinearForm.MatMul,
                LinearForm.MatMul,
                LinearForm.TransposedMatMul,
                LinearForm.GemmTransB,
                LinearForm.Conv1D,
                LinearForm.NBits, LinearForm.QdqBlockwise),
            Quant = new QuantForm { Bits = Pick(random, 4, 4, 8), ZeroPoints = Pick(random, ZeroPoints.None, ZeroPoints.Packed) },
            Moe = Pick(random, MoeForm.DenseExperts, MoeForm.SoftExperts, MoeForm.Fused),
            Shapes = Pick(random, ShapeForm.PerLayerChains, ShapeForm.SharedSizes, ShapeForm.Constants),
            AnonymousWeights = Chance(random, 0.5),
            ConstantWeights = dialect == DialectKind.Dynamo && Chance(random, 0.2),
            Sharing = Sharing(dialect),
            Functions = dialect == DialectKind.Dynamo
                ? Pick(random, FunctionForm.None, FunctionForm.PerLayer, FunctionForm.PerNorm)
                : FunctionForm.None,
            KvPorts = Ports(attention),
            PortOrder = Pick(random, PortOrder.Interleaved, PortOrder.Grouped),
            Length = Chance(random, 0.6) ? LengthSource.Past : LengthSource.Mask,
            Positions = Chance(random, 0.2) ? PositionSource.Mask : PositionSource.Port,
            HeadCopy = headCopy,
            TableFromHead = dialect == DialectKind.GenAi && network.Head == HeadKind.Tied && !headCopy && !inputsEmbeds,
        };
        return WithOperators(form);
    }

    private SharingForm Sharing(DialectKind dialect) => dialect switch
    {
        DialectKind.TorchScript => Pick(random, SharingForm.None, SharingForm.Identity),
        DialectKind.OrtOptimizer => Pick(random, SharingForm.None, SharingForm.Direct),
        _ => SharingForm.None,
    };

    private AttentionForm Attention()
    {
        List<AttentionForm> possible =
        [
            AttentionForm.Decomposed, AttentionForm.Decomposed, AttentionForm.GroupQuery, AttentionForm.GroupQuery, AttentionForm.MultiHead,
            AttentionForm.Standard,
        ];
        // Without a bias the CPU kernel of Attention reads through a null pointer.
        var packs = network.QkvBias
            && !Rotates
            && network.Heads == network.KvHeads
            && network.QkNorm == QkNorm.None
            && blocks.All(b => b.Window == 0);
        if (packs) possible.AddRange([AttentionForm.Packed, AttentionForm.Packed, AttentionForm.Packed]);
        return Pick<AttentionForm>(random, [.. possible]);
    }

    private RotaryForm Rotary(AttentionForm attention) => attention switch
    {
        AttentionForm.Decomposed => Pick(random, RotaryForm.Decomposed, RotaryForm.Decomposed, RotaryForm.Contrib),
        // Inside attention the rotated dimensions are a multiple of 16.
        AttentionForm.GroupQuery when network.RotatedDim % 16 == 0 => Pick(random, RotaryForm.Contrib, RotaryForm.InAttention),
        AttentionForm.Standard => RotaryForm.Standard,
        _ => RotaryForm.Contrib,
    };

    private KvPortForm Ports(AttentionForm attention) => attention switch
    {
        AttentionForm.Decomposed => Pick(
            random,
            KvPortForm.KeyValue,
            KvPortForm.KeyValue,
            KvPortForm.KeyValue,
            KvPortForm.CombinedPast,
            KvPortForm.CombinedPastKeyValues,
            KvPortForm.None),
        AttentionForm.Packed => Pick(random, KvPortForm.CombinedPast, KvPortForm.CombinedPast, KvPortForm.None),
        AttentionForm.GroupQuery => KvPortForm.KeyValue,
        _ => Pick(random, KvPortForm.KeyValue, KvPortForm.KeyValue, KvPortForm.None),
    };

    private NormForm Norm(DialectKind dialect, bool fused, bool standard)
    {
        if (network.Norm == NormKind.Layer) return Pick(random, NormForm.LayerStandard, NormForm.LayerDecomposed);
        if (standard) return NormForm.RmsStandard;
        if (fused) return NormForm.RmsSimplified;
        return dialect == DialectKind.Dynamo ? NormForm.RmsDynamo : NormForm.RmsTorchScript;
    }

    /// <summary>Operators, and the lowest opset that has them all.</summary>
    private GraphForm WithOperators(GraphForm form)
    {
        var fused = form.Dialect is DialectKind.GenAi or DialectKind.OrtOptimizer;
        var standard = form.Attention == AttentionForm.Standard;
        var norm = Norm(form.Dialect, fused, standard);
        var activation = fused
            ? Pick(random, ActivationForm.Contrib, ActivationForm.WithBias, ActivationForm.Standard)
            : Pick(random, ActivationForm.Decomposed, ActivationForm.Standard);
        int[] needs =
        [
            14, standard ? 23 : 0, norm == NormForm.LayerStandard ? 17 : 0, activation == ActivationForm.Standard ? 20 : 0,
            form.Shapes == ShapeForm.SharedSizes ? 15 : 0, form.Linear == LinearForm.QdqBlockwise ? 21 : 0,
        ];
        var opset = Pick(random, [.. new[] { 14, 17, 18, 21, 23 }.Where(o => o >= needs.Max())]);
        var embeds = network is
        {
            Norm: NormKind.Layer,
            Positions: PositionKind.Learned,
            EmbeddingScale: 1,
            EmbeddingNorm: false,
            PositionOffset: 0,
        };
        var startsWithNorm =
            network.Topology is Topology.PreNorm or Topology.ParallelOneNorm or Topology.ParallelTwoNorms or Topology.Sandwich;
        var embedNorm = embeds && startsWithNorm && form.Dialect == DialectKind.OrtOptimizer && !form.InputsEmbeds && Chance(random, 0.6);
        var merges =
            form is { Attention: AttentionForm.Decomposed, Functions: FunctionForm.None, ConstantWeights: false, Sharing: SharingForm.None }
            && form.KvPorts != KvPortForm.None;
        return form with
        {
            Norm = norm,
            Activation = activation,
            Opset = opset,
            IrVersion = opset >= 23 ? 11 : opset >= 21 ? 10 : 8,
            EmbedNorm = embedNorm,
            IfMerged = merges && Chance(random, 0.25),
        };
    }
}
