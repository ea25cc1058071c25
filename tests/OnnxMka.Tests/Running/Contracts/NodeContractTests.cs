using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Running.Contracts;
using OnnxMka.Running.Sessions;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Running.Contracts;

/// <summary>
/// What is refused before ONNX Runtime sees it. Each of the numbers below ended a process with ONNX Runtime 1.31.1 (SIGSEGV, SIGFPE or
/// SIGABRT), or is of a kind with one that did.
/// </summary>
public sealed class NodeContractTests
{
    [Theory]
    [InlineData(
        "com.microsoft.GroupQueryAttention num_heads=4 kv_num_heads=4611686018427387904 -> 3 | f32 1,3,64 | f32 1,3,32 | f32 1,3,32",
        "kv_num_heads is 4611686018427387904 and must be at most 2147483647")]
    [InlineData(
        "com.microsoft.GroupQueryAttention num_heads=0 kv_num_heads=2 -> 3 | f32 1,3,64 | f32 1,3,32 | f32 1,3,32",
        "num_heads is 0 and must be at least 1")]
    [InlineData("com.microsoft.GroupQueryAttention num_heads=4 -> 3 | f32 1,3,64 | f32 1,3,32 | f32 1,3,32", "it has no kv_num_heads")]
    [InlineData(
        "com.microsoft.GroupQueryAttention num_heads=4 kv_num_heads=3 -> 3 | f32 1,3,64 | f32 1,3,32 | f32 1,3,32",
        "num_heads is 4, which kv_num_heads 3 does not divide")]
    [InlineData(
        "com.microsoft.GroupQueryAttention num_heads=4 kv_num_heads=2 -> 3 | f32 1,3,66 | f32 1,3,32 | f32 1,3,32",
        "the width of the query is 66, which num_heads 4 does not divide")]
    [InlineData(
        "com.microsoft.GroupQueryAttention num_heads=4 kv_num_heads=2 do_rotary=1 -> 3 | f32 1,3,128 | | | f32 1,2,0,16 | f32 1,2,0,16 | "
            + "=i32 {2} | =i32 {3} | =f32 1024 | =f32 128,8",
        "cos_cache has the shape [1024] and takes 2 dimensions")]
    [InlineData("com.microsoft.MultiHeadAttention num_heads=-1 -> 1 | f32 2,3,64 | f32 2,3,64 | f32 2,3,64", "num_heads is -1")]
    [InlineData(
        "com.microsoft.Attention num_heads=5 -> 1 | f32 2,3,64 | =f32 64,192 | =f32 192",
        "the width of the weight is 192, which three times num_heads 15 does not divide")]
    [InlineData("com.microsoft.Attention num_heads=4 -> 1 | f32 2,3,64 | =f32 64,192", "it has no bias")]
    [InlineData(
        "com.microsoft.Attention num_heads=4 qkv_hidden_sizes=[32,32,96] -> 1 | f32 2,3,64 | =f32 64,128 | =f32 128",
        "the weight has 128 columns and qkv_hidden_sizes asks for 160")]
    [InlineData(
        "com.microsoft.Attention num_heads=4 -> 2 | f32 2,3,64 | =f32 64,96 | =f32 96 | =i32 2,3 | f32 2,2,4,0,16",
        "the past has the shape [2, 2, 4, 0, 16] and must be [2, ?, 4, ?, 8]")]
    [InlineData("Attention q_num_heads=4 is_causal=1 -> 1 | f32 2,3,64 | f32 2,3,32 | f32 2,3,32", "it has no kv_num_heads")]
    [InlineData("Attention q_num_heads=0 kv_num_heads=2 -> 1 | f32 2,3,64 | f32 2,3,32 | f32 2,3,32", "q_num_heads is 0")]
    [InlineData(
        "com.microsoft.RotaryEmbedding num_heads=4 -> 1 | f32 2,3,64 | i64 2,3 | =f32 128,8 | =f32 64,8",
        "sin_cache has the shape [64, 8] and must be [128, 8]")]
    [InlineData(
        "com.microsoft.RotaryEmbedding num_heads=4 rotary_embedding_dim=8 -> 1 | f32 2,3,64 | i64 2,3 | =f32 128,8 | =f32 128,8",
        "rotary_embedding_dim 8 asks for 4")]
    [InlineData(
        "com.microsoft.MatMulNBits K=64 N=32 bits=4 block_size=0 -> 1 | f32 2,3,64 | =u8 32,2,16 | =f32 64",
        "block_size is 0 and must be at least 16")]
    [InlineData(
        "com.microsoft.MatMulNBits K=64 N=32 bits=4 block_size=48 -> 1 | f32 2,3,64 | =u8 32,2,16 | =f32 64",
        "block_size is 48 and must be a power of two")]
    [InlineData(
        "com.microsoft.MatMulNBits K=64 N=4096 bits=4 block_size=32 -> 1 | f32 2,3,64 | =u8 32,2,16 | =f32 64",
        "the weight has the shape [32, 2, 16], and 131072 elements of it are read")]
    [InlineData(
        "com.microsoft.MatMulNBits K=64 N=32 bits=4 block_size=32 -> 1 | f32 2,3,64 | =u8 32,2,16 | =f32 63",
        "scales has the shape [63], and 64 elements of it are read")]
    [InlineData(
        "com.microsoft.MatMulNBits K=64 N=32 bits=8 block_size=32 -> 1 | f32 2,3,64 | =u8 32,2,32 | =f32 64 | =u8 32,1",
        "zero_points has the shape [32, 1], and 64 elements of it are read")]
    [InlineData(
        "com.microsoft.MatMulNBits K=64 N=32 bits=4 block_size=32 -> 1 | f32 2,3,32 | =u8 32,2,16 | =f32 64",
        "K is 64 and the input has 32 columns")]
    [InlineData(
        "com.microsoft.GatherBlockQuantized gather_axis=0 quantize_axis=1 block_size=32 bits=4 -> 1 | =u8 50,32 | i64 2,3 | =f32 25,2",
        "scales has the shape [25, 2] and must be [50, 2]")]
    [InlineData(
        "com.microsoft.GatherBlockQuantized gather_axis=0 quantize_axis=7 block_size=32 bits=4 -> 1 | =u8 50,32 | i64 2,3 | =f32 50,2",
        "quantize_axis is 7 and must be at most 1")]
    [InlineData(
        "com.microsoft.QMoE k=2 expert_weight_bits=4 -> 1 | f32 2,3,64 | f32 6,4 | =u8 4,192,32 | =f32 2,192 | | =u8 4,64,96 | =f32 4,64",
        "a tensor of scales has the shape [2, 192] beside a weight of 4 experts with 192 rows")]
    [InlineData(
        "com.microsoft.QMoE k=2 expert_weight_bits=4 -> 1 | f32 2,3,64 | f32 6,4 | =u8 4,192,32 | =f32 4,192 | | =u8 4,64,96",
        "a weight has no scales")]
    [InlineData(
        "com.microsoft.QMoE k=5 expert_weight_bits=4 -> 1 | f32 2,3,64 | f32 6,4 | =u8 4,192,32 | =f32 4,192 | | =u8 4,64,96 | =f32 4,64",
        "k is 5 of 4 experts")]
    [InlineData(
        "com.microsoft.QMoE k=2 expert_weight_bits=4 block_size=32 -> 1 | f32 2,3,64 | f32 6,4 | =u8 4,192,32 | =f32 4,192,1 | | "
            + "=u8 4,64,96 | =f32 4,64,6",
        "block_size 32 asks for 2 scales a row")]
    [InlineData(
        "com.microsoft.MoE k=2 -> 1 | f32 2,3,64 | f32 6,4 | =f32 4,96,64 | =f32 3,96 | =f32 4,64,96",
        "a bias has the shape [3, 96] beside a weight of 4 experts")]
    [InlineData(
        "com.microsoft.MoE k=2 -> 1 | f32 2,3,64 | f32 6,4 | =f32 4,96,64 | | =f32 4,6144",
        "a weight has the shape [4, 6144] and takes 3 dimensions")]
    [InlineData(
        "com.microsoft.SkipSimplifiedLayerNormalization -> 1 | f32 2,3,64 | f32 2,3,64 | =f32 32",
        "gamma has the shape [32] and must be [64]")]
    [InlineData("LayerNormalization axis=-1 -> 1 | f32 2,3,64 | =f32 64 | ", "its bias is listed and left blank")]
    [InlineData("SimplifiedLayerNormalization axis=-1 -> 1 | f32 2,3,64 | =f32 63", "the scale has 63 elements and the input 64 columns")]
    [InlineData("DequantizeLinear axis=0 -> 1 | =i8 32,64 | =f32 31 | =i8 31", "there are 31 scales for 32 slices along axis 0")]
    [InlineData("DequantizeLinear axis=0 block_size=-4 -> 1 | =i8 32,64 | =f32 8,64", "block_size is -4")]
    [InlineData("Conv group=0 -> 1 | f32 2,64,5 | =f32 64,1,3", "group is 0")]
    [InlineData("Conv group=1 strides=[0] -> 1 | f32 2,64,5 | =f32 64,64,3", "strides is 0")]
    [InlineData("Einsum equation=bij,bjk->bik -> 1 | f32 2,3,4 | ", "its input 1 is left blank")]
    [InlineData("OneHot axis=-1 -> 1 | i64 2,3 | =i64 0 | =f32 {0.0,1.0}", "the depth has the shape [0]")]
    [InlineData("GatherND batch_dims=-3 -> 1 | f32 2,3,64 | =i64 2,1", "batch_dims is -3")]
    public void Numbers_that_kernels_take_on_trust_are_refused_with_the_node(string template, string reason)
    {
        var refusal = Assert.Throws<RefusedException>(() => Check(OperatorModel.Parse(template).Bytes)).Refusal;
        Assert.Equal(("MKA018", "node"), (refusal.Code, refusal.Where));
        Assert.Contains(reason, refusal.What, StringComparison.Ordinal);
    }

    /// <summary>The control: all operators that the fuzzer damages pass as they are, and they run.</summary>
    [Fact]
    public void Operators_as_exporters_write_them_pass()
    {
        for (var i = 0; i < OperatorModel.Count; i++) Check(OperatorModel.Of(i).Bytes);
    }

    [Fact]
    public void All_forms_that_ONNX_Runtime_loads_pass()
    {
        foreach (var preset in Presets.Accepted) Check(DecoderForge.Build(preset.Model()));
        for (var seed = 0; seed < 40; seed++) Check(DecoderForge.Build(RandomDecoder.Model(seed)));
        NodeContracts.Refuse(OnnxModel.Load(Books16.ModelPath), onCpu: true);
    }

    [Fact]
    public void A_session_is_not_tried_where_a_contract_is_broken()
    {
        using var folder = new TempFolder();
        var cut = OperatorEdits.WithRows(DecoderForge.Build(Presets.ByName("QMoE4").Model()), "QMoE", slot: 3, rows: 2);
        File.WriteAllBytes(folder["model.onnx"], cut);
        var map = BlockDetector.Detect(OnnxModel.Load(folder["model.onnx"]));
        var refusal = Assert.Throws<RefusedException>(() => OnnxMka.Running.Sessions.DecoderSession.Load(map, ExecutionTarget.Cpu)).Refusal;
        Assert.Equal("MKA018", refusal.Code);
        Assert.EndsWith("QMoE", refusal.Where, StringComparison.Ordinal);
    }

    /// <summary>Kernels of other devices have layouts of their own, and take no bias where the CPU's needs one.</summary>
    [Fact]
    public void What_only_the_CPU_takes_on_trust_is_asked_of_it_alone()
    {
        var model = OperatorModel.Parse("com.microsoft.Attention num_heads=4 -> 1 | f32 2,3,64 | =f32 64,192").Bytes;
        Check(model, new ExecutionTarget("CUDA", 0, null));
        Assert.Throws<RefusedException>(() => Check(model));
    }

    private static void Check(byte[] model, ExecutionTarget? target = null)
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder["model.onnx"], model);
        NodeContracts.Refuse(OnnxModel.Load(folder["model.onnx"]), target is null || target.Name == "CPU");
    }
}
