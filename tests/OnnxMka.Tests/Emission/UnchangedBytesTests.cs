using System.Text;
using System.Text.Json;
using OnnxMka.Emission;
using OnnxMka.Rewriting;

namespace OnnxMka.Tests.Emission;

/// <summary>Configuration keeps its bytes wherever the value is the same, and what is written anew is written as people write it.</summary>
public sealed class UnchangedBytesTests
{
    public static TheoryData<string> Names =>
        ["modèle.onnx", "model+q4.onnx", "bob's model.onnx", "a&b<c>.onnx", "模型.onnx", "😀.onnx", "\u2028\uE000.onnx", "it\"s.onnx"];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_name_of_the_model_stays_as_it_is_spelled(string name)
    {
        foreach (var spelled in new[] { Raw(name), JsonSerializer.Serialize(name), Raw("./" + name) })
        {
            var text = $"{{\"model\": {{\"decoder\": {{\"filename\": {spelled}, \"pipeline\": [{{\"one\": {{\"filename\": "
                + $"{spelled}, \"inputs\": [{spelled}]}}}}]}}}}}}";
            Assert.Equal(text, Rewrite("genai_config.json", text, name, name, out var changes));
            Assert.Empty(changes);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_new_name_is_written_as_people_write_it(string name)
    {
        var after = Rewrite("genai_config.json", "{\"model\": {\"decoder\": {\"filename\": \"model.onnx\"}}}", "model.onnx", name, out _);
        Assert.Equal($"{{\"model\": {{\"decoder\": {{\"filename\": {Raw(name)}}}}}}}", after);
    }

    [Fact]
    public void Ports_of_a_stage_that_keep_their_names_keep_their_bytes()
    {
        var ports = PortNames.Of(Books16.Map.Model, ModelRewriter.Apply(Books16.Map, Books16.Plan([3, 7, 8])));
        var after = Encoding.UTF8.GetString(ConfigFiles.Rewrite(
            "genai_config.json",
            """
            {"model": {"decoder": {"pipeline": [{"one": {"filename": "model.onnx",
             "inputs": ["b\u0069as+é'", "past_key_values.3.key", "past_key_values.4.key"]}}]}}}
            """u8.ToArray(),
            Books16.Plan([3, 7, 8]), new ModelNames("model.onnx", "model.onnx"), ports, []));
        Assert.Contains("\"inputs\": [\"b\\u0069as+é'\", \"past_key_values.3.key\"]", after, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_of_data_are_written_as_people_write_them()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["modèle+.onnx"], "");
        var bytes = TransformersJs.Rewrite(
            "{\"transformers.js_config\": {\"use_external_data_format\": {\"x.onnx\": 1}}}"u8.ToArray(), folder["modèle+.onnx"], 2, []);
        Assert.Equal(
            "{\"transformers.js_config\": {\"use_external_data_format\": {\"modèle+.onnx\": 2, \"x.onnx\": 1}}}",
            Encoding.UTF8.GetString(bytes));
    }

    /// <summary>Python's json writes these three words for floats that JSON has no number for, and reads them back.</summary>
    [Theory]
    [InlineData("{\"router_z\": Infinity, \"num_hidden_layers\": 16}")]
    [InlineData("{\"num_hidden_layers\": 16, \"limits\": [-Infinity, NaN,Infinity], \"text\": \"NaN, Infinity \\\" NaN\"}")]
    [InlineData("{\"num_hidden_layers\":16,\"eps\":NaN}")]
    [InlineData("{\"num_hidden_layers\": 16 /* NaN */, // Infinity\n \"eps\": NaN}")]
    public void Numbers_that_only_python_writes_are_read_and_stay(string text)
    {
        Assert.Equal(text.Replace("16", "13", StringComparison.Ordinal), Rewrite("config.json", text, "m", "m", out var changes));
        Assert.DoesNotContain(changes, c => c.IsWarning);
    }

    [Theory]
    [InlineData("{\"a\": nan}")]
    [InlineData("{\"a\": +Infinity}")]
    [InlineData("{\"a\": Infinit}")]
    [InlineData("{\"a\": NaNs}")]
    [InlineData("{\"a\": 1NaN}")]
    [InlineData("{\"a\": - Infinity}")]
    [InlineData("{NaN: 1}")]
    [InlineData("{\"a\": \"NaN}")]
    [InlineData("NaN")]
    public void Words_that_python_would_not_write_are_no_numbers(string text) =>
        Assert.Equal("MKA051", Assert.Throws<RefusedException>(() => Rewrite("config.json", text, "m", "m", out _)).Refusal.Code);

    [Theory]
    [InlineData("16.0", "13.0")]
    [InlineData("1.6e1", "13.0")]
    [InlineData("16", "13")]
    public void A_count_is_written_as_the_kind_of_number_that_it_was(string before, string after) =>
        Assert.Equal(
            $"{{\"num_hidden_layers\": {after}}}", Rewrite("config.json", $"{{\"num_hidden_layers\": {before}}}", "m", "m", out _));

    [Theory]
    [InlineData("\"16\"")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("16.5")]
    [InlineData("1e300")]
    public void A_count_that_is_no_whole_number_is_left_alone_and_told(string count)
    {
        var text = $"{{\"num_hidden_layers\": {count}}}";
        Assert.Equal(text, Rewrite("config.json", text, "m", "m", out var changes));
        Assert.Equal("num_hidden_layers", Assert.Single(changes, c => c.IsWarning).Key);
    }

    /// <summary>As the standard has it: only quotation marks, backslashes and control characters are escaped.</summary>
    private static string Raw(string text) =>
        "\"" + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"";

    private static string Rewrite(string file, string text, string old, string name, out List<ConfigChange> changes)
    {
        changes = [];
        return Encoding.UTF8.GetString(
            ConfigFiles.Rewrite(
                file, Encoding.UTF8.GetBytes(text), Books16.Plan([3, 7, 8]), new ModelNames(old, name), PortNames.None, changes));
    }
}
