namespace OnnxMka.Inputs;

/// <summary>Names and places of the configuration that stands beside a model.</summary>
internal static class ConfigPlaces
{
    /// <summary>File of the Hugging Face hub.</summary>
    public const string HuggingFace = "config.json";

    /// <summary>File of ONNX Runtime GenAI.</summary>
    public const string GenAi = "genai_config.json";

    /// <summary>Where <see cref="HuggingFace"/> describes the decoder: its top, or an object of its own.</summary>
    public static readonly string[] DecoderObjects =
        ["", "text_config", "llm_config", "language_config", "language_model_config", "decoder", "thinker_config.text_config"];

    /// <summary>Path of a key in an object of the file.</summary>
    public static string In(string scope, string key) => scope.Length == 0 ? key : $"{scope}.{key}";

    /// <summary>Where a model's configuration may lie: in its own folder, and in the one that this belongs to.</summary>
    /// <param name="model">Relative path of the model.</param>
    public static IEnumerable<string> FoldersOf(string model) =>
        new[] { "", Path.GetDirectoryName(model)! }.Distinct(StringComparer.Ordinal);
}
