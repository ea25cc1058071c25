using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Jobs;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Forms;

/// <summary>
/// Decoders whose graphs are sound messages and traps: what would never end, or end the process, is refused or read at once.
/// </summary>
public sealed class HostileDecoderTests
{
    [Fact]
    public void A_function_that_calls_itself_is_refused() =>
        Refused("MKA007", Changed("DynamoLocalFunctions", HostileGraphs.RecursiveFunction), "calls itself");

    [Fact]
    public void Functions_nested_deeper_than_any_exporter_nests_them_are_refused_in_any_order()
    {
        foreach (var innerFirst in new[] { true, false })
            Refused("MKA003", Changed("DynamoLocalFunctions", m => HostileGraphs.NestedFunctions(m, 20_000, innerFirst)), "nested");
    }

    [Fact]
    public void Functions_that_stand_for_two_to_the_forty_operators_are_read_as_few() =>
        Assert.Equal(4, Map(Changed("DynamoLocalFunctions", m => HostileGraphs.NestedFunctions(m, 40, innerFirst: true))).Count);

    [Theory]
    [InlineData(60_000, 1)]
    [InlineData(40, 2)]
    public void A_weight_that_is_computed_in_very_many_ways_is_refused(int length, int width) =>
        Refused("MKA003", Changed("TorchScriptLlama", m => HostileGraphs.ComputedWeight(m, length, width)), "in a row, or in more than");

    [Fact]
    public void A_weight_behind_a_few_operators_is_not() =>
        Assert.Equal(4, Map(Changed("TorchScriptLlama", m => HostileGraphs.ComputedWeight(m, 10, 2))).Count);

    [Theory]
    [InlineData("Cast")]
    [InlineData("MatMul")]
    [InlineData("Softmax")]
    [InlineData("Gather")]
    public void An_operator_without_inputs_is_refused(string op) =>
        Refused("MKA009", Changed("TorchScriptLlama", m => HostileGraphs.WithoutInputs(m, op)), "inputs and this one has 0");

    [Fact]
    public void A_constant_without_output_is_refused() =>
        Refused("MKA009", Changed("TorchScriptLlama", HostileGraphs.WithoutOutput), "this one has none");

    [Fact]
    public void A_size_that_another_layer_takes_inside_a_block_is_the_reason_that_it_cannot_go()
    {
        var map = Map(Changed("TorchScriptLlama", m => HostileGraphs.SizeOfInside(m, "/model/layers.1/self_attn/Softmax_output_0")));
        var refused = Assert.Throws<RefusedException>(() => OnnxMka.Rewriting.ModelRewriter.Apply(map, DamagedDecoderTests.PlanOf(map, 1)));
        Assert.Equal("MKA045", refused.Refusal.Code);
    }

    [Fact]
    public void A_name_that_a_renumbered_cache_needs_and_an_input_of_no_block_has_is_the_reason_that_it_cannot_go()
    {
        var map = Map(Changed("TorchScriptLlama", m => HostileGraphs.StrayPort(m, "past_key_values.2.key", "cached.2.key")));
        var refusal = Assert.Throws<RefusedException>(
            () => OnnxMka.Rewriting.ModelRewriter.Apply(map, DamagedDecoderTests.PlanOf(map, 1))).Refusal;
        Assert.Equal(("MKA016", "past_key_values.2.key"), (refusal.Code, refusal.Where));
    }

    /// <summary>
    /// No runtime loads it, and no edit made it so: that is told where it is loaded, and is no reason to doubt the rewrite.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Node_names_that_the_input_has_twice_do_not_fail_its_check(bool keepNames)
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder["in.onnx"], Changed("TorchScriptLlama", m => HostileGraphs.SameNames(m, "/model/layers.1/")));
        var result = Compressor.Run(new CompressionOptions
        {
            Input = folder["in.onnx"],
            Output = new() { Path = folder["out.onnx"], KeepNames = keepNames },
            Recipe = RecipeOf.Drop(0),
            Evaluate = false,
            Verify = false,
            Check = true,
        });
        Assert.True(Assert.Single(result.Verdicts).Passed);
    }

    private static byte[] Changed(string preset, Func<byte[], byte[]> change) => change(DecoderForge.Build(Presets.ByName(preset).Model()));

    private static BlockMap Map(byte[] model)
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder["model.onnx"], model);
        return BlockDetector.Detect(OnnxModel.Load(folder["model.onnx"]));
    }

    private static void Refused(string code, byte[] model, string what)
    {
        var refusal = Assert.Throws<RefusedException>(() => Map(model)).Refusal;
        Assert.Equal(code, refusal.Code);
        Assert.Contains(what, refusal.What);
    }
}
