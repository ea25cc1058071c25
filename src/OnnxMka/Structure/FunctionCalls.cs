using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>
/// The model's own functions may call each other; what they stand for is looked up call by call, so that must end, and soon.
/// </summary>
internal static class FunctionCalls
{
    /// <summary>Exporters nest a module's functions as deep as its modules: a handful.</summary>
    private const int MostNested = 48;

    /// <summary>Refuses functions that call themselves, by a detour or not, and nesting that no exporter writes.</summary>
    public static void Refuse(OnnxModel model)
    {
        var depths = new Dictionary<(string, string), int>();
        foreach (var key in model.Functions.Keys) Depth(model, key, depths, MostNested);
    }

    /// <summary>How many calls are nested in a function; 0 while it is being counted.</summary>
    private static int Depth(OnnxModel model, (string Domain, string Name) key, Dictionary<(string, string), int> depths, int left)
    {
        if (depths.TryGetValue(key, out var known))
        {
            return known > 0
                ? known
                : throw new RefusedException("MKA007", key.Name, "this function calls itself", "The file is damaged; export it again");
        }

        if (left == 0) throw TooDeep(key.Name);
        depths[key] = 0;
        var deepest = 0;
        foreach (var called in model.Functions[key].Nodes.Select(n => (n.Domain, n.OpType)).Distinct().Where(model.Functions.ContainsKey))
            deepest = Math.Max(deepest, Depth(model, called, depths, left - 1));
        // Functions inside may have been counted before.
        return deepest < MostNested ? depths[key] = deepest + 1 : throw TooDeep(key.Name);
    }

    private static RefusedException TooDeep(string function) =>
        new(
            "MKA003",
            function,
            $"more than {MostNested} functions are nested in one another",
            "No known exporter writes such a file; export it again");
}
