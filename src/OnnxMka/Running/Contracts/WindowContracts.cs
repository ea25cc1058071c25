namespace OnnxMka.Running.Contracts;

/// <summary>Windows that move over an input: convolutions and pools divide by their steps and groups.</summary>
internal static class WindowContracts
{
    public static Dictionary<string, Action<ContractNode>> All { get; } = new(StringComparer.Ordinal)
    {
        ["Conv"] = Convolution,
        ["ConvTranspose"] = Convolution,
        ["ConvInteger"] = Convolution,
        ["com.microsoft.FusedConv"] = Convolution,
        ["AveragePool"] = Window,
        ["MaxPool"] = Window,
        ["LpPool"] = Window,
    };

    private static void Convolution(ContractNode n)
    {
        Window(n);
        var groups = n.Int("group", 1, least: 1);
        if (n.Shape(1) is not { } weight) return;
        n.Demand(
            weight.Length >= 3 && weight.All(d => d != 0),
            $"the weight has the shape {ContractNode.Text(weight)} and takes at least 3 dimensions, none of them 0");
        n.Divides("the number of filters", weight[0], "group", groups);
    }

    private static void Window(ContractNode n)
    {
        n.Ints("kernel_shape", least: 1);
        n.Ints("strides", least: 1);
        n.Ints("dilations", least: 1);
    }
}
