using System.Text;
using OnnxMka.Emission;

namespace OnnxMka.Tests.Emission;

public sealed class ConfigFilesTests
{
    [Fact]
    public void Only_the_values_that_change_change()
    {
        const string Before =
            "{\r\n\t\"model_type\" : \"x\",  \"num_hidden_layers\":16,\n \"unknown\": {\"num_hidden_layers\": 16, \"é\": 1e-05} }";
        var after = Rewrite("config.json", Before, out _);
        Assert.Equal(Before.Replace("\"num_hidden_layers\":16", "\"num_hidden_layers\":13", StringComparison.Ordinal), after);
    }

    [Fact]
    public void Arrays_with_an_entry_a_layer_keep_those_of_the_layers_that_stay()
    {
        var types = string.Join(",\n  ", Enumerable.Range(0, 16).Select(i => $"\"t{i}\""));
        var after = Rewrite("config.json", $"{{\"text_config\": {{\"n_layer\": 16, \"layer_types\": [\n  {types}\n ]}}}}", out _);
        var kept = string.Join(",\n  ", Enumerable.Range(0, 16).Where(i => i is not (3 or 7 or 8)).Select(i => $"\"t{i}\""));
        Assert.Equal($"{{\"text_config\": {{\"n_layer\": 13, \"layer_types\": [\n  {kept}\n ]}}}}", after);
    }

    [Fact]
    public void Layer_numbers_of_sliding_windows_are_mapped()
    {
        var after = Rewrite(
            "genai_config.json",
            "{\"model\":{\"decoder\":{\"num_hidden_layers\":16,\"sliding_window\":{\"layers\":[0,3,5,8,9]}},"
                + "\"encoder\":{\"num_hidden_layers\":16}}}",
            out _);
        Assert.Equal(
            "{\"model\":{\"decoder\":{\"num_hidden_layers\":13,\"sliding_window\":{\"layers\":[0, 4, "
                + "6]}},\"encoder\":{\"num_hidden_layers\":16}}}",
            after);
    }

    [Fact]
    public void The_file_name_of_the_decoder_follows_the_model()
    {
        Assert.Contains(
            "\"filename\": \"small.onnx\"",
            Rewrite("genai_config.json", "{\"model\":{\"decoder\":{\"filename\": \"model.onnx\"}}}", out _, "small.onnx"),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_count_that_was_wrong_before_is_left_alone_and_told()
    {
        var after = Rewrite("config.json", "{\"num_hidden_layers\": 24}", out var changes);
        Assert.Equal("{\"num_hidden_layers\": 24}", after);
        Assert.True(Assert.Single(changes).IsWarning);
    }

    [Fact]
    public void Text_that_is_no_json_is_refused() =>
        Assert.Equal("MKA051", Assert.Throws<RefusedException>(() => Rewrite("config.json", "{\"a\": ", out _)).Refusal.Code);

    private static string Rewrite(string file, string text, out List<ConfigChange> changes, string model = "model.onnx")
    {
        changes = [];
        return Encoding.UTF8.GetString(
            ConfigFiles.Rewrite(
                file, Encoding.UTF8.GetBytes(text), Books16.Plan([3, 7, 8]), new ModelNames("model.onnx", model), PortNames.None, changes));
    }
}
