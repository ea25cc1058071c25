using OnnxMka.Inputs;

namespace OnnxMka.Tests.Measuring;

/// <summary>Where a folder says how much a model reads and what its texts begin with.</summary>
public sealed class ModelConfigTests
{
    private const string GenAi = "{\"model\": {\"context_length\": 256, \"bos_token_id\": 5}, \"search\": {\"max_length\": 128}}";

    [Theory]
    [InlineData("max_position_embeddings")]
    [InlineData("n_positions")]
    [InlineData("n_ctx")]
    [InlineData("max_seq_len")]
    [InlineData("max_seq_length")]
    [InlineData("max_sequence_length")]
    [InlineData("seq_length")]
    [InlineData("model_max_length")]
    [InlineData("context_length")]
    public void Every_spelling_at_the_top_and_in_the_decoders_own_object(string key)
    {
        Assert.Equal(512, Of($"{{\"{key}\": 512}}").Context);
        foreach (var scope in new[] { "text_config", "llm_config", "language_config", "decoder" })
            Assert.Equal(new ModelConfig(512, 7), Of($"{{\"{scope}\": {{\"{key}\": 512, \"bos_token_id\": 7}}}}"));
        Assert.Equal(new ModelConfig(512, 7), Of($"{{\"thinker_config\": {{\"text_config\": {{\"{key}\": 512, \"bos_token_id\": 7}}}}}}"));
        // Other networks of the same file have contexts of their own.
        Assert.Equal(new ModelConfig(null, null), Of($"{{\"vision_config\": {{\"{key}\": 512, \"bos_token_id\": 7}}}}"));
    }

    [Theory]
    [InlineData("{\"max_position_embeddings\": 512, \"bos_token_id\": 0}", GenAi, null, 512, 0)]
    [InlineData(
        "{\"max_position_embeddings\": 64, \"text_config\": {\"max_position_embeddings\": 512}, \"bos_token_id\": 2}", null, null, 512, 2)]
    [InlineData("{\"max_seq_len\": 64, \"max_position_embeddings\": 512}", null, null, 512, null)]
    [InlineData(null, GenAi, null, 256, 5)]
    [InlineData("{}", GenAi, null, 256, 5)]
    [InlineData(null, "{\"search\": {\"max_length\": 128}}", null, 128, null)]
    [InlineData("{}", GenAi, "{\"bos_token_id\": 9}", 256, 9)]
    [InlineData("{\"bos_token_id\": null}", null, "{\"bos_token_id\": 9}", null, 9)]
    [InlineData("{\"max_position_embeddings\": -1, \"bos_token_id\": -1}", GenAi, null, 256, 5)]
    [InlineData("{\"max_position_embeddings\": Infinity, \"n_ctx\": 1024.0}", null, null, 1024, null)]
    [InlineData("{\"max_position_embeddings\": \"512\", \"bos_token_id\": [1]}", null, null, null, null)]
    [InlineData(null, null, null, null, null)]
    public void The_first_place_that_says_something_is_taken(string? config, string? genAi, string? generation, int? context, int? bos) =>
        Assert.Equal(new ModelConfig(context, bos), Of(config, genAi, generation));

    private static ModelConfig Of(string? config, string? genAi = null, string? generation = null)
    {
        using var folder = new TempFolder();
        (string Name, string? Text)[] files =
        [
            ("config.json", config), ("genai_config.json", genAi), ("generation_config.json", generation),
        ];
        foreach (var (name, text) in files)
            if (text is not null) File.WriteAllText(folder[name], text);
        return ModelConfig.Of(new ModelLocation(folder["model.onnx"], folder.FullPath, true));
    }
}
