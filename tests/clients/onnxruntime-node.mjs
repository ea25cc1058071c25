// node onnxruntime-node.mjs FOLDER COUNT ID,ID,...   prints the new token ids as JSON
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { greedy } from "./decode.mjs";

const [folder, count, prompt] = process.argv.slice(2);
const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
const session = await ort.InferenceSession.create(join(folder, "model.onnx"), { logSeverityLevel: 3 });
console.log(JSON.stringify(await greedy(ort, session, config, prompt.split(",").map(Number), Number(count))));
