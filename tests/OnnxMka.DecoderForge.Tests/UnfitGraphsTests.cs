using Microsoft.ML.OnnxRuntime;

namespace OnnxMka.Forge.Tests;

public sealed class UnfitGraphsTests
{
    [Fact]
    public void A_classifier_runs()
    {
        using var session = new InferenceSession(UnfitGraphs.Mlp());
        using var input = OrtValue.CreateTensorValueFromMemory(new float[8], [1, 8]);
        using var run = new RunOptions();
        using var results = session.Run(run, ["x"], [input], ["scores"]);
        Assert.Equal([1L, 4L], results[0].GetTensorTypeAndShape().Shape);
    }

    [Fact]
    public void A_beam_search_runs_with_the_decoder_in_an_attribute()
    {
        using var session = new InferenceSession(UnfitGraphs.BeamSearch());
        using var input = OrtValue.CreateTensorValueFromMemory(new[] { 5, 6, 7 }, [1, 3]);
        using var run = new RunOptions();
        using var results = session.Run(run, ["input_ids"], [input], ["sequences"]);
        Assert.Equal([1L, 1L, 16L], results[0].GetTensorTypeAndShape().Shape);
    }
}
