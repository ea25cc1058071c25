using OnnxMka.Planning;

namespace OnnxMka.Emission;

/// <summary>One change that was made to a configuration file, or a warning that none could be.</summary>
public sealed record ConfigChange(string File, string Key, string Change, bool IsWarning = false);

/// <summary>The model file before and after, each relative to its folder, with forward slashes.</summary>
public sealed record ModelNames(string Old, string New);

/// <summary>
/// Brings <c>genai_config.json</c> and <c>config.json</c> in line with the layers that are left. What is not understood stays and is
/// named in a warning.
/// </summary>
public static class ConfigFiles
{
    /// <summary>True for the files that this class changes.</summary>
    public static bool Knows(string fileName) => fileName is GenAiConfig.FileName or HuggingFaceConfig.FileName;

    /// <summary>New bytes of a file. Unknown keys, key order and spacing stay. Refuses text that is no JSON.</summary>
    /// <param name="ports">Old to new names of the model's inputs and outputs.</param>
    public static byte[] Rewrite(string fileName, byte[] bytes, MergePlan plan, ModelNames names, PortNames ports, List<ConfigChange> changes)
    {
        var json = JsonText.Parse(bytes, fileName);
        if (!plan.Removed.Any() && fileName != GenAiConfig.FileName) return bytes;
        var edits = new LayerEdits(json, fileName, plan, changes);
        if (fileName == GenAiConfig.FileName) GenAiConfig.Rewrite(edits, names, ports);
        else HuggingFaceConfig.Rewrite(edits);
        return json.ToBytes();
    }
}
