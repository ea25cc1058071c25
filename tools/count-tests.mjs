// Adds up the counters of all .trx files in a folder. Last line: "N passed, N failed, N skipped".
// Skipped tests are named with their reasons; a run without any test is a failure.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
const files = readdirSync(folder).filter((name) => name.endsWith(".trx"));
let passed = 0;
let failed = 0;
let skipped = 0;

for (const file of files) {
  const text = readFileSync(join(folder, file), "utf8");
  for (const [, attributes, rest] of text.matchAll(/<UnitTestResult ([^>]*)>(?:\s*<Output>([^]*?)<\/Output>)?/g)) {
    const outcome = /outcome="([^"]*)"/.exec(attributes)?.[1];
    if (outcome === "Passed") passed++;
    else if (outcome === "NotExecuted") {
      skipped++;
      const reason = /<Message>([^<]*)<\/Message>/.exec(rest ?? "")?.[1] ?? "no reason given";
      console.log(`skipped: ${/testName="([^"]*)"/.exec(attributes)?.[1]}: ${reason}`);
    } else failed++;
  }
}

console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
