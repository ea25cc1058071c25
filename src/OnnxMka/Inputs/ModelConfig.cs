using OnnxMka.Json;

namespace OnnxMka.Inputs;

/// <summary>
/// What the configuration beside a model says about running it; nulls where it says nothing. Looked up in this order, and the first that
/// says something counts: the decoder's own object in <c>config.json</c>, its top level, then for the begin token
/// <c>generation_config.json</c>, then <c>genai_config.json</c>.
/// </summary>
/// <param name="Context">Most tokens of a sequence.</param>
/// <param name="BeginToken">Token that may stand first.</param>
internal sealed record ModelConfig(int? Context, int? BeginToken)
{
    private const string BeginKey = "bos_token_id";

    /// <summary>Spellings of one number by model type, the most exact first: some name a longer or shorter window beside it.</summary>
    private static readonly string[] ContextKeys =
    [
        "max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_seq_length", "max_sequence_length", "seq_length",
        "model_max_length", "context_length",
    ];

    public static ModelConfig Of(ModelLocation model)
    {
        var (config, genAi) = (Read(model, ConfigPlaces.HuggingFace), Read(model, ConfigPlaces.GenAi));
        var scopes = ConfigPlaces.DecoderObjects.Where(s => s.Length > 0).Append("");
        var context = First(config, scopes.SelectMany(s => ContextKeys.Select(k => ConfigPlaces.In(s, k))), 1)
            ?? First(genAi, ["model.context_length", "search.max_length"], 1);
        var begin = First(config, scopes.Select(s => ConfigPlaces.In(s, BeginKey)), 0)
            ?? First(Read(model, "generation_config.json"), [BeginKey], 0) ?? First(genAi, ["model." + BeginKey], 0);
        return new ModelConfig(context, begin);
    }

    private static JsonText? Read(ModelLocation model, string name)
    {
        var places = ConfigPlaces.FoldersOf(model.RelativeModelPath).Reverse().Select(f => Path.Combine(model.Root, f, name));
        var path = places.FirstOrDefault(File.Exists);
        return path is null ? null : JsonText.Read(path);
    }

    private static int? First(JsonText? config, IEnumerable<string> paths, int least) =>
        (int?)paths.Select(p => config?.Integer(p)).FirstOrDefault(n => n >= least && n <= int.MaxValue);
}
