namespace OnnxMka.Forge;

/// <summary>Which tensors a block of a network has, and their shapes.</summary>
public static class BlockRoles
{
    public static IEnumerable<(Role Role, int[] Shape)> Of(Network n, BlockSpec b)
    {
        var roles = new List<(Role, int[])>();
        void Add(Role role, params int[] shape) => roles.Add((role, shape));
        void Norm(Role gamma, Role beta)
        {
            Add(gamma, n.Hidden);
            if (n.Norm == NormKind.Layer) Add(beta, n.Hidden);
        }

        Norm(Role.InputNorm, Role.InputNormBias);
        if (b.Mixer == MixerKind.Convolution)
        {
            Add(Role.ConvIn, n.Hidden, 3 * n.Hidden);
            Add(Role.ConvKernel, n.Hidden, 1, StateMixers.KernelWidth);
            Add(Role.ConvOut, n.Hidden, n.Hidden);
        }

        if (b.HasAttention) Attention(n, b, Add);
        if (b.HasRecurrence)
        {
            Add(Role.RecurrenceIn, n.Hidden, 3 * n.QueryWidth);
            if (b.HasConvolution) Add(Role.RecurrenceKernel, 3 * n.QueryWidth, 1, StateMixers.KernelWidth);
            Add(Role.RecurrenceOut, n.QueryWidth, n.Hidden);
        }

        if (n.Topology == Topology.Sandwich) Norm(Role.AttentionAfterNorm, Role.AttentionAfterNormBias);
        if (n.CrossAttention)
        {
            Norm(Role.CrossNorm, Role.CrossNormBias);
            Add(Role.CrossQuery, n.Hidden, n.QueryWidth);
            Add(Role.CrossKey, n.Hidden, n.QueryWidth);
            Add(Role.CrossValue, n.Hidden, n.QueryWidth);
            Add(Role.CrossOutput, n.QueryWidth, n.Hidden);
        }

        if (n.Topology != Topology.ParallelOneNorm) Norm(Role.PostNorm, Role.PostNormBias);
        Mlp(n, b, Add);
        if (n.Topology == Topology.Sandwich) Norm(Role.MlpAfterNorm, Role.MlpAfterNormBias);
        if (n.PerLayerWidth > 0)
        {
            Add(Role.PerLayerGate, n.Hidden, n.PerLayerWidth);
            Add(Role.PerLayerUp, n.PerLayerWidth, n.Hidden);
        }

        return roles;
    }

    private static void Attention(Network n, BlockSpec b, Action<Role, int[]> add)
    {
        var owns = b.SharesCacheOf < 0;
        add(Role.Query, [n.Hidden, n.QueryWidth]);
        if (owns)
        {
            add(Role.Key, [n.Hidden, n.KvWidth]);
            add(Role.Value, [n.Hidden, n.KvWidth]);
        }

        if (n.QkvBias)
        {
            add(Role.QueryBias, [n.QueryWidth]);
            add(Role.KeyBias, [n.KvWidth]);
            add(Role.ValueBias, [n.KvWidth]);
        }

        if (n.QkNorm != QkNorm.None)
        {
            add(Role.QueryNorm, [n.QkNorm == QkNorm.PerHead ? n.HeadSize : n.QueryWidth]);
            add(Role.KeyNorm, [n.QkNorm == QkNorm.PerHead ? n.HeadSize : n.KvWidth]);
        }

        add(Role.Output, [n.QueryWidth, n.Hidden]);
        if (n.OutputBias) add(Role.OutputBias, [n.Hidden]);
    }

    private static void Mlp(Network n, BlockSpec b, Action<Role, int[]> add)
    {
        if (b.Mlp == MlpKind.Experts)
        {
            add(Role.Router, [n.Hidden, n.Experts]);
            add(Role.ExpertGate, [n.Experts, n.Hidden, n.Inner]);
            add(Role.ExpertUp, [n.Experts, n.Hidden, n.Inner]);
            add(Role.ExpertDown, [n.Experts, n.Inner, n.Hidden]);
            return;
        }

        if (b.Mlp is MlpKind.SwiGlu or MlpKind.GeGlu) add(Role.Gate, [n.Hidden, n.Inner]);
        add(Role.Up, [n.Hidden, n.Inner]);
        add(Role.Down, [n.Inner, n.Hidden]);
        if (!n.MlpBias) return;
        add(Role.UpBias, [n.Inner]);
        add(Role.DownBias, [n.Hidden]);
    }
}
