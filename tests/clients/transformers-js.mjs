// node transformers-js.mjs FOLDER COUNT TEXT [DTYPE]   prints {"prompt": [...], "tokens": [...], "text": "..."}; never asks the network
import { basename, dirname, resolve } from "node:path";
import { AutoModelForCausalLM, AutoTokenizer, env } from "@huggingface/transformers";

const [folder, count, text, dtype = "fp32"] = process.argv.slice(2);
env.allowRemoteModels = false;
env.localModelPath = dirname(resolve(folder));
env.useFSCache = false;
globalThis.fetch = () => Promise.reject(new Error("this test has no network"));

const name = basename(resolve(folder));
const tokenizer = await AutoTokenizer.from_pretrained(name);
const model = await AutoModelForCausalLM.from_pretrained(name, { dtype, device: "cpu" });
const inputs = tokenizer(text);
const sequence = await model.generate({ ...inputs, do_sample: false, max_new_tokens: Number(count) });
const ids = sequence.tolist()[0].map(Number);
const length = inputs.input_ids.dims[1];
console.log(JSON.stringify({ prompt: ids.slice(0, length), tokens: ids.slice(length), text: tokenizer.decode(ids.slice(length)) }));
