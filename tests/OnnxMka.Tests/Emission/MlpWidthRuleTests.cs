using System.Collections.Immutable;
using System.Text;
using OnnxMka.Emission;

namespace OnnxMka.Tests.Emission;

/// <summary>What config.json says of widths once MLPs were cut.</summary>
public sealed class MlpWidthRuleTests
{
    private const string Text = "{ \"num_hidden_layers\": 16, \"intermediate_size\": 352 }";

    [Fact]
    public void One_width_for_all_is_written()
    {
        Assert.Equal(Text.Replace("352", "240", StringComparison.Ordinal), Rewrite(Text, [240], out var changes));
        Assert.Equal("352 -> 240", Assert.Single(changes).Change);
    }

    [Fact]
    public void Several_are_told_once_and_the_file_stays()
    {
        Assert.Equal(Text, Rewrite(Text, [64, 240, 352], out var changes));
        var told = Assert.Single(changes);
        Assert.True(told.IsWarning);
        Assert.Contains("from 64 to 352", told.Change, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{ \"text_config\": { \"intermediate_size\": 352 } }", "{ \"text_config\": { \"intermediate_size\": 240 } }")]
    [InlineData("{ \"n_inner\": null }", "{ \"n_inner\": null }")]
    [InlineData("{ \"vision_config\": { \"intermediate_size\": 352 } }", "{ \"vision_config\": { \"intermediate_size\": 352 } }")]
    public void Only_the_decoder_s_own_number_is_meant(string before, string after) => Assert.Equal(after, Rewrite(before, [240], out _));

    [Fact]
    public void Where_nothing_was_cut_nothing_is_said()
    {
        Assert.Equal(Text, Rewrite(Text, [], out var changes));
        Assert.Empty(changes);
    }

    private static string Rewrite(string text, ImmutableSortedSet<int> widths, out List<ConfigChange> changes)
    {
        changes = [];
        var names = new ModelNames("model.onnx", "model.onnx");
        return Encoding.UTF8.GetString(
            ConfigFiles.Rewrite("config.json", Encoding.UTF8.GetBytes(text), Books16.Plan([]), names, PortNames.None, changes, widths));
    }
}
