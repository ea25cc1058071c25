namespace OnnxMka.Forge;

/// <summary>
/// Operators of decoders with shapes that fit, one a line:
/// <code>
/// operator attribute=value ... -> number of outputs | input | input ...
///   f32 2,3,64      fed
///   =u8 32,2,16     stored
///   =i64 {0,-1}     stored, with these values
/// </code>
/// </summary>
internal static class OperatorTemplates
{
    public static readonly string[] All =
    [
        "com.microsoft.MatMulNBits K=64 N=32 bits=4 block_size=32 -> 1 | f32 2,3,64 | =u8 32,2,16 | =f32 64",
        "com.microsoft.MatMulNBits K=64 N=32 bits=4 block_size=32 accuracy_level=4 -> 1 | f32 2,1,64 | =u8 32,2,16 | =f32 32,2 | =u8 32,1",
        "com.microsoft.MatMulNBits K=64 N=32 bits=8 block_size=16 -> 1 | f32 2,3,64 | =u8 32,4,16 | =f32 32,4 | =u8 32,4",
        "com.microsoft.MatMulNBits K=64 N=32 bits=4 block_size=32 -> 1 | f16 2,3,64 | =u8 32,2,16 | =f16 64 | =f16 64 | | =f16 32",
        "com.microsoft.MatMulNBits K=64 N=32 bits=4 block_size=32 -> 1 | f32 2,3,64 | =u8 32,2,16 | =f32 64 | | =i32 64",
        "com.microsoft.MatMulNBits K=64 N=32 bits=2 block_size=32 -> 1 | f32 2,3,64 | =u8 32,2,8 | =f32 64",
        "com.microsoft.MatMulBnb4 K=64 N=32 block_size=32 quant_type=1 -> 1 | f32 2,3,64 | =u8 1024 | =f32 64",
        "com.microsoft.GatherBlockQuantized gather_axis=0 quantize_axis=1 block_size=32 bits=4 -> 1 | =u8 50,32 | i64 2,3 | =f32 50,2",
        "com.microsoft.GatherBlockQuantized gather_axis=0 quantize_axis=1 block_size=16 bits=8 -> 1 | =u8 50,64 | i64 2,3 | =f32 50,4 | "
            + "=u8 50,4",
        "com.microsoft.GatherBlockQuantized gather_axis=0 quantize_axis=1 block_size=16 -> 1 | =u4 50,64 | i64 2,3 | =f32 50,4 | =u4 50,4",
        "com.microsoft.QMoE k=2 expert_weight_bits=4 activation_type=swiglu swiglu_fusion=1 normalize_routing_weights=1 -> 1 | "
            + "f32 2,3,64 | f32 6,4 | =u8 4,192,32 | =f32 4,192 | | =u8 4,64,48 | =f32 4,64",
        "com.microsoft.QMoE k=2 expert_weight_bits=8 activation_type=silu -> 1 | f32 2,3,64 | f32 6,4 | =u8 4,96,64 | =f32 4,96 | "
            + "=f32 4,96 | =u8 4,64,96 | =f32 4,64 | =f32 4,64",
        "com.microsoft.QMoE k=2 expert_weight_bits=4 block_size=32 activation_type=swiglu swiglu_fusion=1 -> 1 | f32 2,3,64 | f32 6,4 | "
            + "=u8 4,192,32 | =f32 4,192,2 | | =u8 4,64,48 | =f32 4,64,3",
        "com.microsoft.MoE k=2 activation_type=relu -> 1 | f32 2,3,64 | f32 6,4 | =f32 4,96,64 | =f32 4,96 | =f32 4,64,96 | =f32 4,64",
        "com.microsoft.MoE k=2 activation_type=swiglu swiglu_fusion=1 -> 1 | f32 2,3,64 | f32 6,4 | =f32 4,192,64 | | =f32 4,64,96",
        "com.microsoft.GroupQueryAttention num_heads=4 kv_num_heads=2 -> 3 | f32 2,1,64 | f32 2,1,32 | f32 2,1,32 | f32 2,2,7,16 | "
            + "f32 2,2,7,16 | =i32 {7,7} | =i32 {8}",
        "com.microsoft.GroupQueryAttention num_heads=4 kv_num_heads=2 do_rotary=1 local_window_size=4 softcap=2.5 -> 3 | f32 2,3,128 | | | "
            + "f32 2,2,0,16 | f32 2,2,0,16 | =i32 {2,2} | =i32 {3} | =f32 128,8 | =f32 128,8",
        "com.microsoft.GroupQueryAttention num_heads=4 kv_num_heads=4 do_rotary=1 rotary_interleaved=1 scale=0.5 -> 3 | f16 1,1,64 | "
            + "f16 1,1,64 | f16 1,1,64 | f16 1,4,7,16 | f16 1,4,7,16 | =i32 {7} | =i32 {8} | =f16 64,8 | =f16 64,8",
        "com.microsoft.MultiHeadAttention num_heads=4 -> 1 | f32 2,3,64 | f32 2,3,64 | f32 2,3,64 | =f32 192",
        "com.microsoft.MultiHeadAttention num_heads=4 unidirectional=1 -> 3 | f32 2,3,64 | f32 2,3,64 | f32 2,3,64 | | =i32 2,8 | "
            + "=f32 1,4,3,8 | f32 2,4,5,16 | f32 2,4,5,16",
        "com.microsoft.Attention num_heads=4 unidirectional=1 -> 2 | f32 2,3,64 | =f32 64,192 | =f32 192 | =i32 2,3 | f32 2,2,4,0,16",
        "com.microsoft.Attention num_heads=4 qkv_hidden_sizes=[32,32,64] -> 1 | f32 2,3,64 | =f32 64,128 | =f32 128",
        "com.microsoft.QAttention num_heads=4 unidirectional=1 -> 1 | u8 2,3,64 | =i8 64,192 | =f32 192 | =f32 {0.1} | =f32 {0.1} | | "
            + "=u8 {3} | =i8 {0}",
        "com.microsoft.RotaryEmbedding num_heads=4 -> 1 | f32 2,3,64 | i64 2,3 | =f32 128,8 | =f32 128,8",
        "com.microsoft.RotaryEmbedding num_heads=4 rotary_embedding_dim=8 interleaved=1 -> 1 | f32 2,3,64 | =i64 {1} | =f32 128,4 | "
            + "=f32 128,4",
        "com.microsoft.RotaryEmbedding -> 1 | f32 2,4,3,16 | i64 2,3 | =f32 128,8 | =f32 128,8",
        "RotaryEmbedding num_heads=4 -> 1 | f32 2,3,64 | =f32 128,8 | =f32 128,8 | i64 2,3",
        "RotaryEmbedding -> 1 | f32 2,4,3,16 | f32 2,3,8 | f32 2,3,8",
        "Attention q_num_heads=4 kv_num_heads=2 is_causal=1 -> 1 | f32 2,3,64 | f32 2,3,32 | f32 2,3,32",
        "Attention -> 3 | f32 2,4,3,16 | f32 2,2,3,16 | f32 2,2,3,16 | =f32 3,8 | f32 2,2,5,16 | f32 2,2,5,16",
        "com.microsoft.SkipLayerNormalization epsilon=0.1 -> 1 | f32 2,3,64 | f32 2,3,64 | =f32 64 | =f32 64 | =f32 64",
        "com.microsoft.SkipSimplifiedLayerNormalization epsilon=0.1 -> 4 | f32 2,3,64 | f32 2,3,64 | =f32 64 | =f32 64",
        "com.microsoft.SkipSimplifiedLayerNormalization -> 1 | f16 2,3,64 | f16 2,3,64 | =f16 64",
        "com.microsoft.EmbedLayerNormalization -> 2 | i32 2,3 | | =f32 50,64 | =f32 128,64 |  | =f32 64 | =f32 64",
        "SimplifiedLayerNormalization axis=-1 stash_type=1 -> 1 | f32 2,3,64 | =f32 64",
        "LayerNormalization axis=-1 -> 1 | f32 2,3,64 | =f32 64 | =f32 64",
        "LayerNormalization axis=1 -> 3 | f32 2,3,64 | =f32 3,64 | =f32 3,64",
        "RMSNormalization axis=-1 -> 1 | f16 2,3,64 | =f16 64",
        "com.microsoft.BiasGelu -> 1 | f32 2,3,64 | =f32 64",
        "com.microsoft.QuickGelu alpha=1.5 -> 1 | f32 2,3,64",
        "com.microsoft.FastGelu -> 1 | f32 2,3,64 | =f32 64",
        "DequantizeLinear axis=1 block_size=32 -> 1 | =u4 32,64 | =f32 32,2 | =u4 32,2",
        "DequantizeLinear axis=0 -> 1 | =i8 32,64 | =f32 32 | =i8 32",
        "DequantizeLinear -> 1 | =u8 32,64 | =f32 {0.5}",
        "QuantizeLinear axis=1 -> 1 | f32 2,64 | =f32 64 | =u8 64",
        "DynamicQuantizeLinear -> 3 | f32 2,3,64",
        "MatMulInteger -> 1 | u8 2,3,64 | =i8 64,32 | =u8 {3} | =i8 32",
        "QLinearMatMul -> 1 | u8 2,3,64 | =f32 {0.1} | =u8 {0} | =u8 64,32 | =f32 32 | =u8 32 | =f32 {0.1} | =u8 {0}",
        "com.microsoft.DynamicQuantizeMatMul -> 1 | f32 2,3,64 | =i8 64,32 | =f32 32 | =i8 32 | =f32 32",
        "com.microsoft.MatMulIntegerToFloat -> 1 | u8 2,3,64 | =i8 64,32 | =f32 {0.1} | =f32 32 | =u8 {0} | =i8 32 | =f32 32",
        "com.microsoft.FusedMatMul alpha=0.5 transB=1 -> 1 | f32 2,3,64 | =f32 32,64",
        "com.microsoft.LinearAttention update_rule=linear kv_num_heads=4 q_num_heads=4 -> 2 | f32 2,3,64 | f32 2,3,64 | f32 2,3,64",
        "com.microsoft.CausalConvWithState -> 2 | f32 2,64,5 | =f32 64,1,3 | =f32 64",
        "Conv group=64 pads=[2,0] kernel_shape=[3] -> 1 | f32 2,64,5 | =f32 64,1,3 | =f32 64",
        "Conv group=1 strides=[1,2] dilations=[1,1] -> 1 | f32 1,3,8,8 | =f32 4,3,3,3",
        "ConvTranspose group=2 strides=[2] -> 1 | f32 1,4,5 | =f32 4,3,3",
        "MaxPool kernel_shape=[2] strides=[2] -> 1 | f32 1,4,8",
        "AveragePool kernel_shape=[2,2] strides=[2,2] -> 1 | f32 1,4,8,8",
        "Gemm transB=1 alpha=0.5 -> 1 | f32 6,64 | =f32 32,64 | =f32 32",
        "MatMul -> 1 | f32 2,3,64 | =f32 64,32",
        "Reshape allowzero=0 -> 1 | f32 2,3,64 | =i64 {0,-1,4,16}",
        "Slice -> 1 | f32 2,3,64 | =i64 {0} | =i64 {32} | =i64 {2} | =i64 {2}",
        "Split axis=-1 -> 2 | f32 2,3,64 | =i64 {32,32}",
        "Split axis=2 num_outputs=2 -> 2 | f32 2,3,64",
        "Unsqueeze -> 1 | f32 2,3 | =i64 {0,3}",
        "Squeeze -> 1 | f32 2,1,3 | =i64 {1}",
        "Transpose perm=[0,2,1] -> 1 | f32 2,3,64",
        "Gather axis=0 -> 1 | =f32 50,64 | i64 2,3",
        "GatherElements axis=1 -> 1 | f32 2,8 | i64 2,3",
        "GatherND batch_dims=0 -> 1 | f32 2,3,64 | =i64 2,1",
        "ScatterElements axis=1 -> 1 | f32 2,8 | i64 2,3 | f32 2,3",
        "ScatterND -> 1 | f32 8,3 | =i64 2,1 | f32 2,3",
        "TensorScatter axis=1 mode=linear -> 1 | f32 2,8,4 | f32 2,3,4 | =i64 {1,2}",
        "Expand -> 1 | f32 2,1,3 | =i64 {2,4,3}",
        "Tile -> 1 | f32 2,3 | =i64 {2,3}",
        "Pad mode=constant -> 1 | f32 2,3 | =i64 {0,1,0,1} | =f32 {0.0}",
        "Concat axis=1 -> 1 | f32 2,3 | f32 2,4",
        "TopK axis=-1 largest=1 -> 2 | f32 2,8 | =i64 {3}",
        "Trilu upper=1 -> 1 | f32 3,3 | =i64 {1}",
        "ConstantOfShape -> 1 | =i64 {2,3}",
        "CumSum exclusive=0 -> 1 | f32 2,3 | =i64 {1}",
        "ReduceMean keepdims=1 -> 1 | f32 2,3,64 | =i64 {-1}",
        "ReduceSum keepdims=0 -> 1 | f32 2,3,64 | =i64 {1,2}",
        "ArgMax axis=-1 -> 1 | f32 2,3,64",
        "Softmax axis=-1 -> 1 | f32 2,3,64",
        "Einsum equation=bij,bjk->bik -> 1 | f32 2,3,4 | f32 2,4,5",
        "OneHot axis=-1 -> 1 | i64 2,3 | =i64 {8} | =f32 {0.0,1.0}",
        "Resize -> 1 | f32 1,1,4,4 | | =f32 {1.0,1.0,2.0,2.0}",
        "Where -> 1 | bool 2,1 | f32 2,3 | f32 1,3",
        "Mod fmod=0 -> 1 | i64 2,3 | =i64 {4}",
        "Div -> 1 | i64 2,3 | =i64 {4}",
        "BitShift direction=LEFT -> 1 | u8 2,3 | =u8 {4}",
        "Clip -> 1 | f32 2,3 | =f32 {0.0} | =f32 {1.0}",
        "Pow -> 1 | f32 2,3 | =f32 {2.0}",
    ];
}
