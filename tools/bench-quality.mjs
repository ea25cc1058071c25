// Every selection x removal x compensation on the trained fixture, through the command line, as a Markdown table.
//
//     node tools/bench-quality.mjs CLI [--ratios 0.125,0.25,0.375,0.5] [--selects tail,npib,bi,angular,greedy-loss] [--methods drop,mka]
//                                  [--samples 256] [--eval 128] [--best 10m] [--out FILE.md]
//
// A selection is made once a ratio and method; its plan is replayed with each compensation. A row that the tool refuses says so.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
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
const best = given.get('best') ?? '';
const out = given.get('out') ?? 'tests/OnnxMka.Benchmarks/results/quality-books16.md';
const model = 'models-fixtures/books16';
const folder = mkdtempSync(join(tmpdir(), 'bench-quality-'));

function run(...args) {
  const report = join(folder, 'report.json');
  rmSync(report, { force: true });
  try {
    execFileSync(cli, [model, join(folder, 'out'), '--force', '--quiet', '--no-verify', '--calib-samples', samples, '--eval-samples', evaluation, '--report', report, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    return { refused: error.stderr.toString().trim().split('\n').at(-1) };
  }
  return JSON.parse(readFileSync(report, 'utf8'));
}

const text = report => report.refused ? 'refused' : report.perplexity.result.value.toFixed(2);
const lines = [];
let dense, environment, version;
for (const ratio of ratios) {
  lines.push('', `## ratio ${ratio}`, '', `| selection | removal | blocks that go | ${kinds.join(' | ')} |`, `|---|---|---|${kinds.map(() => '---:').join('|')}|`);
  for (const select of selects) {
    for (const method of methods) {
      const plan = join(folder, 'plan.json');
      rmSync(plan, { force: true });
      const first = run('--ratio', ratio, '--select', select, '--method', method, '--plan-out', plan);
      const row = kinds.map(kind => kind === 'none' || !existsSync(plan) ? text(first) : text(run('--plan', plan, '--compensate', kind)));
      if (!first.refused) [dense, environment, version] = [first.perplexity.original.value, first.environment, first.tool.version];
      const kept = first.refused ? [] : first.layers.map(l => l.original);
      const gone = first.refused ? first.refused : [...Array(first.input.blocks).keys()].filter(b => !kept.includes(b)).join(',');
      lines.push(`| ${select} | ${method === 'mka' ? 'merge' : 'drop'} | ${gone} | ${row.join(' | ')} |`);
      console.error(lines.at(-1));
    }
  }
  if (best) {
    const report = run('--ratio', ratio, '--method', 'best', '--budget', best);
    lines.push('', `\`--method best --budget ${best}\`: **${text(report)}**${report.refused ? '' : `, ${report.search.why}`}`);
  }
}
writeFileSync(out, [
  '# Perplexity by selection, removal and compensation: books16',
  '',
  `Dense: ${dense?.toFixed(2)}. Held-back prose, ${evaluation} windows of 128 tokens; calibration: ${samples} windows of other text.`,
  '',
  `${cpus()[0].model}, ${environment?.cores} cores, ${environment?.os}, ${environment?.framework}, onnx-mka ${version}, ${environment?.executionProvider}.`,
  '',
  `Command: \`make bench-quality${process.env.BENCH_QUALITY ? ` BENCH_QUALITY="${process.env.BENCH_QUALITY}"` : ''}\``,
  ...lines,
  '',
].join('\n'));
rmSync(folder, { recursive: true });
