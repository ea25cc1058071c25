// Every selection x removal x correction on the trained fixture, from one sweep of the command line, and --method best at each ratio, as a
// Markdown table and the numbers behind it.
//
//     node tools/bench-quality.mjs CLI [--ratios 0.125,0.25,0.375,0.5] [--selects tail,npib,bi,angular,greedy-loss] [--methods drop,mka]
//                                  [--samples 256] [--eval 128] [--best 8m] [--out FILE.md] [--keep DIR]
//
// --best 0 leaves the search out. --keep leaves its models in DIR/best-RATIO.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';

const [cli, ...rest] = process.argv.slice(2);
const given = new Map();
for (let i = 0; i < rest.length; i += 2) given.set(rest[i].slice(2), rest[i + 1]);
const list = (name, fallback) => (given.get(name) ?? fallback).split(',').filter(x => x.length > 0);
const ratios = list('ratios', '0.125,0.25,0.375,0.5');
const selects = list('selects', 'tail,npib,bi,angular,greedy-loss');
const methods = list('methods', 'drop,mka');
const kinds = ['none', 'fold', 'linear', 'hadamard', 'scale', 'refit'];
const samples = given.get('samples') ?? '256';
const evaluation = given.get('eval') ?? '128';
const best = given.get('best') ?? '8m';
const out = given.get('out') ?? 'tests/OnnxMka.Benchmarks/results/quality.md';
const keep = given.get('keep');
const model = 'models-fixtures/books16';
const folder = mkdtempSync(join(tmpdir(), 'bench-quality-'));
const common = ['--calib-samples', samples, '--eval-samples', evaluation];
const started = Date.now();

function run(...args) {
  execFileSync(cli, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

const ways = selects.flatMap(s => methods.flatMap(m => kinds.map(k => `${m}:${s}${k === 'none' ? '' : `+${k}`}`)));
run('sweep', model, '--ratios', ratios.join(','), '--methods', ways.join(','), '-o', join(folder, 'sweep'), ...common);
const sweep = JSON.parse(readFileSync(join(folder, 'sweep', 'sweep.json'), 'utf8'));
const dense = sweep.original.value;
const point = (ratio, way) => sweep.points.find(p => p.ratio === Number(ratio) && p.method === way);
const lines = [];
const data = { dense, points: [], best: [] };
for (const ratio of ratios) {
  const rows = [];
  for (const select of selects) {
    for (const method of methods) {
      const row = kinds.map(kind => point(ratio, `${method}:${select}${kind === 'none' ? '' : `+${kind}`}`));
      row.forEach((p, i) => data.points.push({ ratio: Number(ratio), select, removal: method === 'mka' ? 'merge' : 'drop', correction: kinds[i], removed: p.plan.removed, perplexity: p.perplexity.value }));
      rows.push({ select, method, row });
    }
  }
  const least = Math.min(...rows.flatMap(r => r.row.map(p => p.perplexity.value)));
  const cell = p => p.perplexity.value === least ? `**${p.perplexity.value.toFixed(2)}**` : p.perplexity.value.toFixed(2);
  lines.push('', `## ratio ${ratio}`, '', `| selection | removal | blocks that go | ${kinds.join(' | ')} |`, `|---|---|---|${kinds.map(() => '---:').join('|')}|`);
  for (const r of rows) lines.push(`| ${r.select} | ${r.method === 'mka' ? 'merge' : 'drop'} | ${r.row[0].plan.removed.join(',')} | ${r.row.map(cell).join(' | ')} |`);
  if (best === '0') continue;
  const file = join(folder, 'best.json');
  run(model, keep ? join(keep, `best-${ratio}`) : join(folder, 'best'), '--force', '--ratio', ratio, '--method', 'best', '--budget', best, '--report', file, ...common);
  const report = JSON.parse(readFileSync(file, 'utf8'));
  const perplexity = report.perplexity.result.value;
  data.best.push({ ratio: Number(ratio), perplexity, bestRow: least, removed: report.plan.removed, why: report.search.why });
  lines.push('', `\`--method best --budget ${best}\`: **${perplexity.toFixed(2)}** (${(perplexity / dense).toFixed(3)} of dense; best row above: ${least.toFixed(2)}). ${report.search.why}.`);
}

const { environment, tool } = sweep;
const machine = `${cpus()[0].model}, ${environment.cores} cores, ${environment.os}, ${environment.framework}, onnx-mka ${tool.version}, ${environment.executionProvider}`;
const command = `make bench-quality${process.env.BENCH_QUALITY ? ` BENCH_QUALITY="${process.env.BENCH_QUALITY}"` : ''}`;
writeFileSync(out, [
  '# Perplexity by selection, removal and correction: books16',
  '',
  `Dense: ${dense.toFixed(2)}. Held-back prose, ${evaluation} windows of 128 tokens; calibration: ${samples} windows of other text.`,
  '',
  `${machine}; ${((Date.now() - started) / 60000).toFixed(0)} minutes in all.`,
  '',
  `Command: \`${command}\``,
  ...lines,
  '',
].join('\n'));
writeFileSync(out.replace(/\.md$/, '.json'), JSON.stringify({ machine, command, ...data }, null, 1) + '\n');
rmSync(folder, { recursive: true });
