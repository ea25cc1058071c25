namespace OnnxMka.Running.Contracts;

/// <summary>Operators of every network whose kernels read an input that they do not ask for.</summary>
internal static class GeneralContracts
{
    /// <summary>A list of so many sizes is made before anything is compared with it.</summary>
    private const int MostParts = 1 << 20;

    public static Dictionary<string, Action<ContractNode>> All { get; } = new(StringComparer.Ordinal)
    {
        ["Einsum"] = n => n.Given(),
        ["Concat"] = n => n.Given(),
        ["Max"] = n => n.Given(),
        ["Mean"] = n => n.Given(),
        ["Min"] = n => n.Given(),
        ["Sum"] = n => n.Given(),
        ["GatherND"] = n => n.Int("batch_dims", 0, least: 0),
        ["Split"] = n => n.Int("num_outputs", n.Outputs, least: 1, most: MostParts),
        ["OneHot"] = n => n.Holds(1, "the depth", 1),
    };
}
