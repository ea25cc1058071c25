namespace OnnxMka.Forge;

/// <summary>What the ports of a block's states are called, in the numbering that the form asks for.</summary>
internal sealed class StateNames(DecoderSpec spec)
{
    public (string Past, string Present) Key(int block) => Family(block, 0, Attention(block), $"{Middle}.key");

    public (string Past, string Present) Value(int block) => Family(block, 1, Attention(block), $"{Middle}.value");

    /// <summary>Keys and values in one tensor.</summary>
    public (string Past, string Present) Both(int block) => spec.Form.KvPorts == KvPortForm.CombinedPast
        ? Counted(block, 0, ($"past_{Attention(block)}", $"present_{Attention(block)}"))
        : Family(block, 0, Attention(block), "");

    /// <summary>One head's keys, or values.</summary>
    public (string Past, string Present) Head(int block, int head, bool values)
    {
        var name = $"{(values ? "value" : "key")}_{Attention(block)}_h{head}";
        return Counted(block, (2 * head) + (values ? 1 : 0), ($"past_{name}", $"present_{name}"));
    }

    public (string Past, string Present) Convolution(int block) =>
        State(block, "conv", "conv_state", AttentionPorts(block), b => b.HasConvolution);

    public (string Past, string Present) Recurrence(int block) =>
        State(block, "recurrent", "recurrent_state", AttentionPorts(block) + ConvolutionPorts(block), b => b.HasRecurrence);

    private string Middle => spec.Network.CrossAttention ? ".decoder" : "";

    private (string, string) State(int block, string family, string member, int place, Func<BlockSpec, bool> has)
    {
        var number = Number(block, spec.Form.Numbers is StateNumbers.Kind or StateNumbers.Mixed, has);
        return spec.Form.StatesAreMembers
            ? Family(block, place, number, $".{member}")
            : Counted(block, place, ($"past_{family}.{number}", $"present_{family}.{number}"));
    }

    private int Attention(int block) => Number(block, spec.Form.Numbers == StateNumbers.Kind, b => b.HasAttention);

    private (string, string) Family(int block, int place, int number, string member) =>
        Counted(block, place, ($"past_key_values.{number}{member}", $"present.{number}{member}"));

    /// <summary>The number of the port itself, where ports are counted.</summary>
    private (string, string) Counted(int block, int place, (string, string) names)
    {
        if (spec.Form.Numbers != StateNumbers.Port) return names;
        var number = Enumerable.Range(0, block).Sum(Ports) + place;
        return ($"past_state_{number}", $"present_state_{number}");
    }

    private int Number(int block, bool byKind, Func<BlockSpec, bool> has)
    {
        if (spec.Blocks[block].Port >= 0) return spec.Blocks[block].Port;
        if (byKind) return spec.Blocks.Take(block).Count(has);
        return spec.Form.Numbers == StateNumbers.Source ? spec.Blocks.Take(block).Sum(b => b.SourceLayers) : block;
    }

    private int Ports(int block) => AttentionPorts(block) + ConvolutionPorts(block) + (spec.Blocks[block].HasRecurrence ? 1 : 0);

    private int ConvolutionPorts(int block) => spec.Blocks[block].HasConvolution ? 1 : 0;

    private int AttentionPorts(int block)
    {
        if (!spec.Blocks[block].HasAttention) return 0;
        if (spec.Form.Attention == AttentionForm.PerHead) return 2 * spec.Network.KvHeads;
        return spec.Form.KvPorts == KvPortForm.KeyValue ? 2 : 1;
    }
}
