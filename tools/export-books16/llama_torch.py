"""A Llama decoder with a key/value cache, in plain torch, written to be traced by `torch.onnx.export`.

Module names are those of Hugging Face checkpoints (`model.layers.3.self_attn.q_proj`), because exporters turn
them into node names and initializer names, and the checkpoint's weights load by name.
Not a program of its own: export.py imports it.
"""

import torch
from torch import nn
from torch.nn import functional


class RMSNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        # Half-precision models compute the norm in float32. In float32 the cast does nothing, but stays in the
        # graph, as it does in the exports that people have.
        dtype = x.dtype
        x = x.to(torch.float32)
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)
        return self.weight * x.to(dtype)


class RotaryEmbedding(nn.Module):
    def __init__(self, head_size, theta):
        super().__init__()
        exponents = torch.arange(0, head_size, 2, dtype=torch.float32) / head_size
        self.register_buffer("inv_freq", 1.0 / theta**exponents, persistent=False)

    def forward(self, position_ids):
        """Returns cos and sin of [batch, sequence, head_size]."""
        angles = position_ids[:, :, None].to(torch.float32) * self.inv_freq[None, None, :]
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos(), angles.sin()


def rotate_half(x):
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), dim=-1)


def apply_rotary(x, cos, sin):
    return x * cos[:, None] + rotate_half(x) * sin[:, None]


def repeat_kv(x, repeats):
    """[batch, kv heads, length, head_size] -> [batch, heads, length, head_size]"""
    batch, kv_heads, length, head_size = x.shape
    x = x[:, :, None, :, :].expand(batch, kv_heads, repeats, length, head_size)
    return x.reshape(batch, kv_heads * repeats, length, head_size)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, heads, kv_heads = (config[k] for k in ("hidden_size", "num_attention_heads", "num_key_value_heads"))
        self.head_size = width // heads
        self.heads, self.kv_heads = heads, kv_heads
        self.q_proj = nn.Linear(width, heads * self.head_size, bias=False)
        self.k_proj = nn.Linear(width, kv_heads * self.head_size, bias=False)
        self.v_proj = nn.Linear(width, kv_heads * self.head_size, bias=False)
        self.o_proj = nn.Linear(heads * self.head_size, width, bias=False)

    def forward(self, x, bias, cos, sin, past_key, past_value):
        batch, length, width = x.shape
        query = self.q_proj(x).view(batch, length, self.heads, self.head_size).transpose(1, 2)
        key = self.k_proj(x).view(batch, length, self.kv_heads, self.head_size).transpose(1, 2)
        value = self.v_proj(x).view(batch, length, self.kv_heads, self.head_size).transpose(1, 2)

        query, key = apply_rotary(query, cos, sin), apply_rotary(key, cos, sin)
        key = torch.cat((past_key, key), dim=2)
        value = torch.cat((past_value, value), dim=2)

        repeats = self.heads // self.kv_heads
        scores = torch.matmul(query, repeat_kv(key, repeats).transpose(2, 3)) * self.head_size**-0.5
        weights = functional.softmax(scores + bias, dim=-1, dtype=torch.float32).to(query.dtype)
        mixed = torch.matmul(weights, repeat_kv(value, repeats))
        mixed = mixed.transpose(1, 2).reshape(batch, length, width)
        return self.o_proj(mixed), key, value


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)
        self.act_fn = nn.SiLU()

    def forward(self, x):
        return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))


class DecoderLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, eps = config["hidden_size"], config["rms_norm_eps"]
        self.self_attn = Attention(config)
        self.mlp = MLP(config)
        self.input_layernorm = RMSNorm(width, eps)
        self.post_attention_layernorm = RMSNorm(width, eps)

    def forward(self, x, bias, cos, sin, past_key, past_value):
        attended, key, value = self.self_attn(self.input_layernorm(x), bias, cos, sin, past_key, past_value)
        x = x + attended
        return x + self.mlp(self.post_attention_layernorm(x)), key, value


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config["hidden_size"]
        self.embed_tokens = nn.Embedding(config["vocab_size"], width)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config["num_hidden_layers"]))
        self.norm = RMSNorm(width, config["rms_norm_eps"])
        self.rotary_emb = RotaryEmbedding(width // config["num_attention_heads"], config["rope_theta"])
        # The two values of the attention bias, as tensors: Python floats would be exported as float64.
        self.register_buffer("allowed", torch.tensor(0.0), persistent=False)
        self.register_buffer("masked", torch.tensor(torch.finfo(torch.float32).min), persistent=False)

    def attention_bias(self, attention_mask, past_length, length):
        """0 where a query may look, the lowest float elsewhere: [batch, 1, sequence, past + sequence]."""
        columns = torch.arange(past_length + length)
        rows = torch.arange(past_length, past_length + length)
        causal = columns[None, :] <= rows[:, None]
        visible = causal[None, None, :, :] & attention_mask[:, None, None, :].to(torch.bool)
        return torch.where(visible, self.allowed, self.masked)

    def forward(self, input_ids, attention_mask, position_ids, past):
        x = self.embed_tokens(input_ids)
        cos, sin = self.rotary_emb(position_ids)
        bias = self.attention_bias(attention_mask, past[0].shape[2], input_ids.shape[1])
        present = []
        for index, layer in enumerate(self.layers):
            x, key, value = layer(x, bias, cos, sin, past[2 * index], past[2 * index + 1])
            present += (key, value)
        return self.norm(x), present


class LlamaForCausalLM(nn.Module):
    """past and the cache returned: key and value of every layer in turn, each [batch, kv heads, length, head_size]."""

    def __init__(self, config):
        super().__init__()
        self.model = Model(config)
        self.lm_head = nn.Linear(config["hidden_size"], config["vocab_size"], bias=False)
        self.lm_head.weight = self.model.embed_tokens.weight

    def forward(self, input_ids, attention_mask, position_ids, *past):
        x, present = self.model(input_ids, attention_mask, position_ids, past)
        return (self.lm_head(x), *present)
