using OnnxMka.Emission;
using OnnxMka.Json;

namespace OnnxMka.Evaluation;

/// <summary>What <c>config.json</c> beside a model says about running it; nulls where it says nothing or is not there.</summary>
/// <param name="Context">Most tokens of a sequence.</param>
/// <param name="BeginToken">Token that may stand first.</param>
public sealed record ModelConfig(int? Context, int? BeginToken)
{
    public static ModelConfig Of(ModelLocation model)
    {
        var path = Path.Combine(model.Root, "config.json");
        if (!File.Exists(path)) return new ModelConfig(null, null);
        var json = JsonText.Read(path);
        return new ModelConfig(Number(json, "max_position_embeddings", "n_positions"), Number(json, "bos_token_id"));
    }

    private static int? Number(JsonText config, params string[] keys) =>
        keys.Select(config.Integer).FirstOrDefault(n => n is >= int.MinValue and <= int.MaxValue) is { } number ? (int)number : null;
}
