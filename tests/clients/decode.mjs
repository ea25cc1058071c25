// Greedy decoding with any build of onnxruntime's JavaScript API, as an application would write it: cache names and their number come
// from config.json, the caches start empty, and what one step returns as present goes into the next as past.

const int64 = (ort, values) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);

export async function greedy(ort, session, config, prompt, count) {
  const headSize = config.hidden_size / config.num_attention_heads;
  const layers = [...Array(config.num_hidden_layers).keys()];
  let cache = {};
  for (const layer of layers)
    for (const part of ["key", "value"])
      cache[`past_key_values.${layer}.${part}`] = new ort.Tensor("float32", new Float32Array(0), [1, config.num_key_value_heads, 0, headSize]);

  const tokens = [];
  let past = 0;
  let next = prompt;
  while (tokens.length < count) {
    const total = past + next.length;
    const feeds = {
      input_ids: int64(ort, next),
      attention_mask: int64(ort, Array(total).fill(1)),
      position_ids: int64(ort, next.map((_, i) => past + i)),
      ...cache,
    };
    const outputs = await session.run(feeds);
    const [, length, vocabulary] = outputs.logits.dims;
    const last = outputs.logits.data.subarray((length - 1) * vocabulary);
    let best = 0;
    for (let id = 1; id < vocabulary; id++) if (last[id] > last[best]) best = id;
    tokens.push(best);
    cache = {};
    for (const layer of layers)
      for (const part of ["key", "value"]) cache[`past_key_values.${layer}.${part}`] = outputs[`present.${layer}.${part}`];
    past = total;
    next = [best];
  }
  return tokens;
}
