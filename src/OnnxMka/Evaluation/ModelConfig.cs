using System.Text.Json;
using OnnxMka.Emission;

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
        try
        {
            using var json = JsonDocument.Parse(Calibration.TextSource.ReadAllBytes(path));
            return new ModelConfig(Number(json.RootElement, "max_position_embeddings", "n_positions"), Number(json.RootElement, "bos_token_id"));
        }
        catch (JsonException e)
        {
            throw new RefusedException("MKA051", path, $"it is no JSON ({e.Message.Split('\n')[0].TrimEnd('.')})", "Mend it, or name the model file", e);
        }
    }

    private static int? Number(JsonElement config, params string[] keys)
    {
        if (config.ValueKind != JsonValueKind.Object) return null;
        foreach (var key in keys)
            if (config.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number)) return number;
        return null;
    }
}
