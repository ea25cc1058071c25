using OnnxMka.Graph;
using OnnxMka.Running.Activations;

namespace OnnxMka.Tests.Running.Tokens;

public sealed class ActivationTapTests
{
    [Theory]
    [InlineData(Pooling.Mean)]
    [InlineData(Pooling.Last)]
    public void Only_pooled_seams_leave_the_runtime(Pooling pooling)
    {
        Assert.Contains(Books16.Map.Model.Graph.Outputs, o => o.Name.StartsWith("present", StringComparison.Ordinal));
        var tap = ActivationTap.On(Books16.Map, pooling);
        Assert.Equal(tap.Outputs, tap.Model.Graph.Outputs.Select(o => o.Name));
        Assert.Equal(Books16.Map.Count, tap.Outputs.Length);
        Assert.All(tap.Model.Graph.Outputs, o => Assert.Equal(ElementType.Float, o.Type));

        // [batch, H], whatever the tokens: no output holds a value a token.
        using var session = Runtime(tap.Model);
        foreach (var (rows, shape) in session.Outputs(Books16.Prompt.AsSpan(0, 12), 2, tap.Outputs))
            Assert.Equal((256, 2L, 128L), (rows.Length, shape[0], shape[1]));
    }

    private static OnnxMka.Running.Sessions.DecoderSession Runtime(OnnxModel model) =>
        OnnxMka.Running.Sessions.DecoderSession.Load(Books16.Map with { Model = model }, OnnxMka.Running.Sessions.ExecutionTarget.Cpu);
}
