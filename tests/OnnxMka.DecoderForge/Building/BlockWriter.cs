namespace OnnxMka.Forge;

/// <summary>Writes one block onto the residual stream.</summary>
internal sealed class BlockWriter(AttentionWriter attention)
{
    public void Write(BlockContext c, ResidualStream stream)
    {
        using var _ = c.Graph.InBlock(c.Index, c.Decoder.BlockScope(c.Index));
        switch (c.Network.Topology)
        {
            case Topology.PreNorm:
                stream.Join(Scaled(c, Mixer(c, Norm(c, stream, c.Modules.InputNorm, Role.InputNorm, Role.InputNormBias))));
                if (c.Network.CrossAttention)
                {
                    stream.Join(
                        SideBranches.CrossAttention(c, Norm(c, stream, "encoder_attn_layer_norm", Role.CrossNorm, Role.CrossNormBias)));
                }

                stream.Join(Scaled(c, Mlps.Write(c, Norm(c, stream, c.Modules.PostNorm, Role.PostNorm, Role.PostNormBias))));
                break;
            case Topology.PostNorm:
                stream.Join(Scaled(c, Mixer(c, stream.Read())));
                InPlace(c, stream, c.Modules.InputNorm, Role.InputNorm, Role.InputNormBias);
                stream.Join(Scaled(c, Mlps.Write(c, stream.Read())));
                InPlace(c, stream, c.Modules.PostNorm, Role.PostNorm, Role.PostNormBias);
                break;
            case Topology.ParallelOneNorm:
                var once = Norm(c, stream, c.Modules.InputNorm, Role.InputNorm, Role.InputNormBias);
                Parallel(c, stream, once, once);
                break;
            case Topology.ParallelTwoNorms:
                var first = Norm(c, stream, c.Modules.InputNorm, Role.InputNorm, Role.InputNormBias);
                Parallel(c, stream, first, Norm(c, stream, c.Modules.PostNorm, Role.PostNorm, Role.PostNormBias));
                break;
            case Topology.Sandwich:
                var mixed = Mixer(c, Norm(c, stream, c.Modules.InputNorm, Role.InputNorm, Role.InputNormBias));
                stream.Join(Scaled(c, After(c, mixed, c.Modules.AttentionAfterNorm, Role.AttentionAfterNorm, Role.AttentionAfterNormBias)));
                var fed = Mlps.Write(c, Norm(c, stream, c.Modules.PostNorm, Role.PostNorm, Role.PostNormBias));
                stream.Join(Scaled(c, After(c, fed, c.Modules.MlpAfterNorm, Role.MlpAfterNorm, Role.MlpAfterNormBias)));
                break;
            default:
                stream.Join(Scaled(c, After(c, Mixer(c, stream.Read()), c.Modules.InputNorm, Role.InputNorm, Role.InputNormBias)));
                stream.Join(Scaled(c, After(c, Mlps.Write(c, stream.Read()), c.Modules.PostNorm, Role.PostNorm, Role.PostNormBias)));
                break;
        }

        SideBranches.Write(c, stream);
    }

    private Branch Mixer(BlockContext c, string x)
    {
        if (c.Spec.Mixer == MixerKind.Convolution) return new Branch(StateMixers.Convolution(c, x));
        if (!c.Spec.HasAttention) return new Branch(StateMixers.Recurrence(c, x));
        var attended = Attention(c, x);
        return c.Spec.HasRecurrence ? new Branch(c.Graph.Op("Add", [Whole(c, attended), StateMixers.Recurrence(c, x)])) : attended;
    }

    private Branch Attention(BlockContext c, string x)
    {
        var heads = attention.Write(c, x);
        var module = QkvProjections.Module(c, c.Modules.Output);
        var leaveBias = c.Form.Join == JoinForm.SkipNorm && c.Form.SkipBias && c.Has(Role.OutputBias);
        var output = c.Linear(heads, module, Role.Output, Role.OutputBias, withBias: !leaveBias);
        return new Branch(output, leaveBias ? c.Graph.Weight($"{c.Path(module)}.bias", c[Role.OutputBias]) : null);
    }

    /// <summary>Attention and MLP read the same stream; both are added, in the form's order.</summary>
    private void Parallel(BlockContext c, ResidualStream stream, string attentionInput, string mlpInput)
    {
        var mixed = Scaled(c, Mixer(c, attentionInput));
        var fed = Scaled(c, Mlps.Write(c, mlpInput));
        var (first, second) = c.Form.MlpFirst ? (fed, mixed) : (mixed, fed);
        if (!c.Form.SumBranchesFirst)
        {
            stream.Join(first);
            stream.Join(second);
            return;
        }

        using var _ = c.Graph.In("residual_add");
        stream.Join(new Branch(c.Graph.Op("Add", [Whole(c, first), Whole(c, second)])));
    }

    private static string Norm(BlockContext c, ResidualStream stream, string module, Role gamma, Role beta)
    {
        using var _ = c.Graph.In(module);
        return stream.Norm(c.StreamNormWeights(module, gamma, beta));
    }

    private static void InPlace(BlockContext c, ResidualStream stream, string module, Role gamma, Role beta)
    {
        using var _ = c.Graph.In(module);
        stream.NormInPlace(c.StreamNormWeights(module, gamma, beta));
    }

    /// <summary>A norm on the branch itself.</summary>
    private static Branch After(BlockContext c, Branch branch, string module, Role gamma, Role beta)
    {
        var whole = Whole(c, branch);
        using var _ = c.Graph.In(module);
        return new Branch(c.Decoder.Norms.Apply(whole, c.NormWeights(module, gamma, beta, c.Graph.Type), c.Graph.Type).Normed);
    }

    private static Branch Scaled(BlockContext c, Branch branch) => c.Network.ResidualScale == 1
        ? branch
        : new Branch(c.Graph.Op("Mul", [Whole(c, branch), c.Graph.Float(c.Network.ResidualScale)]));

    private static string Whole(BlockContext c, Branch branch) =>
        branch.Bias is null ? branch.Value : c.Graph.Op("Add", [branch.Value, branch.Bias]);
}
