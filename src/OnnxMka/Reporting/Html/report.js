'use strict';
// The page: sections in order, each only where the report has its figures. Every chart has a table of the same numbers.
const report = JSON.parse(document.getElementById('data').textContent);
// What JSON has no number for stands there as null, and beside it what it is.
for (const [pointer, word] of Object.entries(report.notFinite ?? {})) {
  const keys = pointer.split('/').slice(1).map(k => k.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop();
  keys.reduce((at, key) => at[key], report)[last] = Number(word);
}
const main = document.getElementById('main');

function node(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes ?? {})) made.setAttribute(key, value);
  made.append(...children.filter(c => c !== null && c !== undefined).map(c => c instanceof Node ? c : String(c)));
  return made;
}

const bytes = n => n >= 1e9 ? (n / 1e9).toFixed(2) + ' GB' : n >= 1e6 ? (n / 1e6).toFixed(1) + ' MB' : (n / 1e3).toFixed(1) + ' kB';
const fixed = (n, digits) => typeof n === 'number' ? Math.abs(n) >= 1e6 ? n.toExponential(1) : n.toFixed(digits) : n ?? '-';
const percent = n => typeof n === 'number' ? (n >= 0 ? '+' : '') + (100 * n).toFixed(1) + ' %' : '-';
const whole = n => Math.round(n).toLocaleString('en');

function section(id, title, note) {
  const made = node('section', { id, 'aria-labelledby': id + '-title' }, node('h2', { id: id + '-title' }, title));
  if (note) made.append(node('p', { class: 'note' }, note));
  main.append(made);
  document.getElementById('contents').append(node('a', { href: '#' + id }, title));
  return made;
}

function table(head, rows, options = {}) {
  const texts = new Set(options.texts ?? []), words = new Set(options.words ?? []);
  const kind = i => texts.has(i) ? { class: 'text' } : words.has(i) ? { class: 'word' } : {};
  const body = rows.map(r => node('tr', r.picked ? { class: 'picked' } : {}, ...(r.cells ?? r).map((c, i) => node('td', kind(i), c))));
  const made = node('table', options.matrix ? { class: 'matrix' } : {}, node('thead', {}, node('tr', {}, ...head.map((h, i) => node('th', { scope: 'col', ...kind(i) }, h)))), node('tbody', {}, ...body));
  return node('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': options.label ?? head.join(', ') }, made);
}

const folded = (title, ...content) => node('details', {}, node('summary', {}, title), ...content);
const chart = (parent, shape, label, options) => { const e = node('div', { class: 'chart ' + shape }); parent.append(e); return Charts.draw(e, label, options); };

function tiles(figures) {
  main.append(node('div', { class: 'tiles' }, ...figures.map(([value, what]) => node('div', { class: 'tile' }, node('b', {}, value), node('span', {}, what)))));
}

function heading() {
  const what = { compression: 'A smaller model', sweep: 'Sweep', analysis: 'Similarity of blocks', evaluation: 'Evaluation', inspection: 'Blocks of a model' }[report.kind] ?? 'Report';
  const name = (report.input?.path ?? report.model?.path ?? (typeof report.model === 'string' ? report.model : '')).split(/[\\/]/).filter((p, i, all) => p && (p !== 'model.onnx' || all.length < 2)).pop() ?? '';
  document.title = `${what}: ${name} - onnx-mka`;
  document.getElementById('title').textContent = `${what}: ${name}`;
  document.getElementById('subtitle').textContent = `onnx-mka ${report.tool.version}` + (report.environment ? `, ${report.environment.executionProvider}, ${report.environment.cores} cores, ${report.environment.os}` : '');
}

function quality() {
  const p = report.perplexity, groups = report.plan.groups.length, merged = report.plan.method !== 'drop';
  const size = report.output?.bytes ?? report.plannedBytes;
  tiles([[`${report.plan.blockCount} → ${groups}`, 'decoder blocks'], [`${bytes(report.input.bytes)} → ${bytes(size)}`, 'on disk'],
    ...(p ? [[`${fixed(p.original.value, 2)} → ${fixed(p.result.value, 2)}`, 'perplexity']] : []), ...speedTiles()]);
  if (!p) return;
  const s = section('quality', 'What it cost', `${p.windows} windows of ${p.tokensPerWindow} tokens, ${p.text}, never used for calibration. Lower is better.`);
  const rows = [['original', p.original, report.input.bytes, report.plan.blockCount], [merged ? 'merged' : 'dropped', p.result, size, groups], ['plain drop of the same blocks', p.plainDrop, null, groups]];
  const drawn = rows.filter(r => Number.isFinite(r[1].value));
  chart(s, 'short', 'Perplexity: ' + rows.map(r => `${r[0]} ${fixed(r[1].value, 2)}`).join(', '), Charts.bars(drawn.map(r => r[0]), drawn.map(r => r[1].value), ''));
  s.querySelector('.chart').style.height = '150px';
  s.append(table(['model', 'blocks', 'bytes', 'perplexity', 'against the original'], rows.map(([name, q, b, n]) => [name, n, b ? bytes(b) : '', fixed(q.value, 2), name === 'original' ? '' : percent(q.value / p.original.value - 1)])));
  if (merged && p.result.value > p.plainDrop.value) s.append(node('p', {}, `Averaging weights is worse here than deleting the same blocks: ${fixed(p.result.value, 2)} against ${fixed(p.plainDrop.value, 2)}.`));
}

// Speed of decoding where there is a cache, else of prefill.
const bound = s => s.decode ?? s.prefill;
const rate = r => r ? `${whole(r.median)} (${whole(r.low)} to ${whole(r.high)})` : '-';

function speedTiles() {
  const s = report.speed;
  if (!s?.original || !s.result) return [];
  const ratio = bound(s.result).median / bound(s.original).median;
  return [[`× ${ratio.toFixed(2)}`, s.original.decode ? 'decoding speed' : 'prefill speed']];
}

function speed() {
  const v = report.speed;
  if (!v?.result) return;
  const s = section('speed', 'Speed and memory', `Tokens a second: median, and slowest to fastest, of ${v.rounds} runs in turns on the same tokens: ${v.promptTokens} at once (prefill), then ${v.decodedTokens} one by one (decoding). Memory: growth of the process on loading the model and running it once.`);
  const rows = [['original', v.original], [v.original ? 'result' : 'model', v.result]].filter(r => r[1]);
  s.append(table(['model', 'prefill', 'decoding', 'memory'], rows.map(([name, m]) => [name, rate(m.prefill), rate(m.decode), m.memoryBytes > 0 ? bytes(m.memoryBytes) : '-'])));
  if (v.original) s.append(node('p', {}, `Against the original: prefill × ${(v.result.prefill.median / v.original.prefill.median).toFixed(2)}` + (v.result.decode ? `, decoding × ${(v.result.decode.median / v.original.decode.median).toFixed(2)}.` : '.')));
}

function groupsOf(plan) {
  if (!plan) return [];
  const starts = plan.groups.map(g => g.block);
  return starts.map((b, i) => [b, (starts[i + 1] ?? plan.blockCount) - 1]).filter(([from, to]) => to > from);
}

function similarity() {
  const npib = report.similarity?.npib;
  if (!npib) return;
  const groups = groupsOf(report.plan);
  const s = section('similarity', 'Similarity of blocks', `NPIB of every pair of seams, 0 to 1${groups.length ? '; frames hold the blocks that became one' : ''}. Rows and columns are the original block numbers, from 0.`);
  const closest = npib.slice(1).map((row, i) => [i, i + 1, row[i]]).sort((a, b) => b[2] - a[2]).slice(0, 3).map(([a, b, v]) => `${a} and ${b} (${v.toFixed(2)})`).join(', ');
  const width = Math.min(780, main.clientWidth);
  chart(s, 'square', `Heat map of the similarity of ${npib.length} blocks. Closest neighbours: ${closest}.${groups.length ? ' Joined: ' + groups.map(([a, b]) => `${a} to ${b}`).join(', ') + '.' : ''}`, Charts.heat(npib, groups, width));
  s.append(node('p', {}, `Closest neighbours: ${closest}.`), folded('The same as a table', table(['block', ...npib.map((_, i) => i)], npib.map((row, i) => [i, ...row.map(v => v.toFixed(3))]), { matrix: true, label: 'Similarities' })));
}

function embeddings() {
  const all = report.similarity?.embeddings;
  if (!all?.length) return;
  const s = section('embeddings', 'Diffusion embeddings', 'Each point is one calibration sample, coloured by its place in the text. Two blocks with the same shape of cloud do the same to the samples; the sign of a coordinate means nothing.');
  const chosen = [Math.max(0, all.length - 3), Math.max(0, all.length - 2)];
  const step = report.plan?.steps?.find(t => t.into !== null && t.into !== undefined);
  if (step) [chosen[0], chosen[1]] = [step.into, step.from];
  const pair = node('div', { class: 'pair' }), choose = node('div', { class: 'choose' });
  s.append(choose, pair);
  chosen.forEach((block, side) => {
    const select = node('select', { id: 'embedding-' + side }, ...all.map((_, i) => node('option', { value: i }, 'block ' + i)));
    select.value = String(block);
    choose.append(node('label', { for: 'embedding-' + side }, side ? 'Right: ' : 'Left: ', select));
    const holder = node('div', {}), caption = node('p', { class: 'note' }), plot = node('div', { class: 'chart half' }), numbers = node('details', {});
    holder.append(caption, plot, numbers);
    pair.append(holder);
    const paint = Charts.draw(plot, '', c => Charts.embedding(all[+select.value])(c));
    const say = () => {
      const b = +select.value, values = report.similarity.eigenvalues[b];
      caption.textContent = `block ${b}: sigma ${report.similarity.sigma[b].toPrecision(4)}, eigenvalues ${values.slice(1, 4).map(v => v.toFixed(4)).join(', ')}`;
      plot.setAttribute('aria-label', 'Diffusion embedding, ' + caption.textContent);
      numbers.replaceChildren(node('summary', {}, 'The same as a table'), table(['sample', 'coordinate 1', 'coordinate 2'], all[b].map((p, i) => [i, p[0], p[1] ?? '-']), { label: 'Coordinates of block ' + b }));
    };
    say();
    select.addEventListener('change', () => { say(); paint(); });
  });
}

function seams() {
  if (!report.seams?.length || report.kind === 'inspection') return;
  const s = section('depth', 'By depth', 'Norm of the residual stream after each block, and what the block changes: 1 minus the mean cosine between pooled rows before and after it.');
  chart(s, '', 'Norms and influence by block; the table below has the numbers', Charts.depth(report.seams));
  s.append(folded('The same as a table', table(['block', 'norm after it', 'influence'], report.seams.map(b => [b.block, fixed(b.norm, 2), fixed(b.influence, 4)]))));
}

function deltas() {
  const all = report.mergedTensors;
  if (!all?.length) return;
  const blocks = [...new Set(all.map(d => d.block))], roles = [...new Set(all.map(d => d.role))];
  const cells = all.map(d => [blocks.indexOf(d.block), roles.indexOf(d.role), d.delta]);
  const s = section('deltas', 'What merging changed', 'Each merged tensor as written, against the one that it replaced: norm of the difference over its norm. Zero everywhere would be a drop in disguise.');
  chart(s, '', `Change of ${all.length} tensors in blocks ${blocks.join(', ')}; largest ${(100 * Math.max(...all.map(d => d.delta))).toFixed(1)} %`, Charts.deltas(blocks, roles, cells));
  const plot = s.querySelector('.chart');
  plot.style.height = 90 + 30 * roles.length + 'px';
  plot.style.maxWidth = 260 + 130 * blocks.length + 'px';
  s.append(folded('The same as a table', table(['tensor', 'role', 'block', 'change'], all.map(d => [d.name, d.role, d.block, percent(d.delta).slice(1)]), { words: [1] })));
}

function sweep() {
  // A plan without a finite loss is no point of a curve; the table has it.
  const points = report.points, drawn = points.filter(p => Number.isFinite(p.perplexity.value)), picked = points.find(p => p.picked);
  const best = drawn.length ? drawn.reduce((a, b) => b.perplexity.value < a.perplexity.value ? b : a) : null;
  tiles([[points.length, 'plans tried with one calibration'], [fixed(report.original.value, 2), 'perplexity of the original'], ...(best ? [[percent(best.increase), `least increase: ${best.method} ${best.ratio}`]] : []),
    ...(report.maxIncrease !== null && report.maxIncrease !== undefined ? [[picked ? `${picked.method} ${picked.ratio}` : 'none', `smallest within ${percent(report.maxIncrease)}`]] : [])]);
  const s = section('curve', 'Perplexity against size and speed', `${report.text.windows} windows of ${report.text.tokensPerWindow} tokens, ${report.text.name}, never used for calibration. Lower and further left is better on the left, lower and further right on the right.${new Set(points.map(p => p.method)).size > 2 ? ' Numbers stand at the Pareto front; the table has all.' : ''}`);
  const pair = node('div', { class: 'pair' });
  s.append(pair);
  const say = points.map(p => `${p.method} ${p.ratio}: ${fixed(p.perplexity.value, 2)}`).join('; ');
  chart(pair, '', 'Perplexity against bytes. ' + say, Charts.curve({ x: report.input.bytes, perplexity: report.original.value }, drawn, p => p.bytes, 'megabytes', 1e6));
  chart(pair, '', 'Perplexity against speed. ' + points.map(p => `${p.method} ${p.ratio}: ${fixed(p.perplexity.value, 2)} at ${p.speedup.toFixed(2)} times the speed`).join('; '), Charts.curve({ x: 1, perplexity: report.original.value }, drawn, p => p.speedup, `${report.speed?.original?.decode === null ? 'prefill' : 'decoding'} speed, times the original's`, 1));
  s.append(table(['method', 'ratio', 'blocks', 'bytes', 'perplexity', 'increase', 'speed', 'Pareto front'], [
    ['original', 0, report.input.blocks, bytes(report.input.bytes), fixed(report.original.value, 2), '', '× 1.00', ''],
    ...points.map(p => ({ picked: p.picked, cells: [p.method + (p.picked ? ' (picked)' : ''), p.ratio, p.blocks, bytes(p.bytes), fixed(p.perplexity.value, 2), percent(p.increase), '× ' + p.speedup.toFixed(2),
      [p.onSizeFront ? 'size' : '', p.onSpeedFront ? 'speed' : ''].filter(Boolean).join(', ')] }))], { words: [7] }));
}

function evaluation() {
  const s = section('figures', 'Figures', report.tasks.map(t => `${t.name}: ${t.settings}`).join('; '));
  s.append(table(['task', 'of', 'figure', 'value', '95 % interval', 'items'], report.metrics.map(m => [m.task, m.group ?? 'all', m.metric, fixed(m.value, 4), typeof m.low === 'number' ? `${fixed(m.low, 4)} to ${fixed(m.high, 4)}` : '-', m.items]), { words: [1, 2] }));
}

function samples() {
  if (!report.generations?.length) return;
  const s = section('samples', 'Samples side by side', 'Greedy text behind the same prompt; what differs is underlined. Mean length before the first difference: ' + fixed(report.generations.reduce((a, g) => a + g.sameTokens, 0) / report.generations.length, 1) + ` of ${report.generations[0].tokens} tokens.`);
  s.append(node('div', { class: 'samples' }, ...report.generations.map(g => {
    let same = 0;
    while (same < g.original.length && g.original[same] === g.result[same]) same++;
    const text = t => [node('span', { class: 'same' }, t.slice(0, same)), node('span', { class: 'different' }, t.slice(same))];
    return node('div', { class: 'sample' }, node('p', {}, node('b', {}, 'prompt '), g.prompt), node('div', { class: 'pair' },
      node('p', {}, node('b', {}, 'original '), ...text(g.original)), node('p', {}, node('b', {}, `result (${g.sameTokens} of ${g.tokens} tokens the same) `), ...text(g.result))));
  })));
}

function plan() {
  if (!report.plan) return;
  const s = section('plan', 'Plan', `${report.plan.method}, order: ${report.plan.order}${report.plan.only && report.plan.only !== 'both' ? `, only ${report.plan.only} weights mixed` : ''}. Numbers are those of the original, from 0.`);
  if (report.plan.steps.length) s.append(table(['step', 'block', 'goes into', 'similarity', 'share kept'], report.plan.steps.map((t, i) => [i + 1, t.from, t.into ?? '-', fixed(t.similarity, 4), fixed(t.alpha, 4)])));
  if (report.merging?.matches.length) s.append(table(['block', 'goes into', 'units', 'moved', 'correlation before', 'after'], report.merging.matches.map(m => [m.block, m.into, m.units, `${m.moved} of ${m.count}`, fixed(m.before, 4), fixed(m.after, 4)])));
  if (report.merging?.fits.length) s.append(table(['block', 'held-out error before', 'after', 'fitted shares'], report.merging.fits.map(f => [f.block, fixed(f.errorBefore, 4), fixed(f.errorAfter, 4), f.kept ? f.shares.map(x => `${x.role} ${fixed(x.alpha, 2)}`).join(', ') : 'the planned shares stay']), { texts: [3] }));
  s.append(folded('New blocks', table(['new', 'in the place of', 'made of'], report.plan.groups.map((g, i) => [i, g.block, Object.entries(g.weights).map(([b, w]) => `${b}: ${fixed(w, 4)}`).join(', ')]), { texts: [2] })));
  if (report.plan.rejected.length) s.append(folded('Pairs not considered', table(['left', 'right', 'why'], report.plan.rejected.map(r => [r.left, r.right, r.reason]), { texts: [2] })));
  const removed = report.plan.removed;
  if (removed.length && !report.plan.units) s.append(node('p', {}, 'The same layers out of a GGUF file: '), node('pre', { tabindex: 0 }, `llama-quantize --prune-layers ${removed.join(',')} model-f16.gguf smaller.gguf Q4_K_M`));
  if (report.verification?.length) s.append(folded('Checks', table(['check', 'value', 'at most', 'because'], report.verification.map(v => [v.check, v.value.toPrecision?.(3) ?? v.value, v.tolerance.toPrecision(3), v.derivation]), { texts: [0, 3] })));
}

function environment() {
  const s = section('environment', 'How this was made');
  const facts = { command: report.options?.commandLine, input: report.input?.path ?? report.model?.path, fingerprint: report.input?.fingerprint ?? report.model?.fingerprint, blocks: report.input?.blocks, original: report.original?.path,
    calibration: report.calibration && `${report.calibration.samples} samples of ${report.calibration.tokensPerSample} tokens, ${report.calibration.source}, SHA-256 ${report.calibration.sha256}`,
    'evaluation text': report.perplexity?.textSha256 ? `${report.perplexity.text}, SHA-256 ${report.perplexity.textSha256}` : report.text && `${report.text.name}, SHA-256 ${report.text.sha256}`,
    framework: report.environment?.framework, system: report.environment?.os, 'runs on': report.environment?.executionProvider, 'peak memory of the process': report.environment && bytes(report.environment.peakMemoryBytes),
    output: report.output?.model, seconds: report.seconds && Object.entries(report.seconds).map(([k, v]) => `${k} ${v}`).join(', ') };
  for (const [k, v] of Object.entries(report.options ?? {})) if (v !== null && k !== 'commandLine') facts['option ' + k] = v;
  s.append(table(['what', 'value'], Object.entries(facts).filter(([, v]) => v !== null && v !== undefined && v !== '').map(([k, v]) => [k, v]), { texts: [1] }), folded('The whole report as JSON', node('pre', { tabindex: 0 }, JSON.stringify(report, (k, v) => k === 'embeddings' ? undefined : v, 1))));
}

heading();
if (report.kind === 'compression') quality();
if (report.kind === 'sweep') sweep();
if (report.kind === 'evaluation') evaluation();
if (report.kind === 'inspection') inspection();
speed();
search();
selection();
compensation();
similarity();
removalOrder();
deltas();
embeddings();
seams();
samples();
plan();
environment();

// Paper folds nothing: tables are opened, but for the raw JSON and the coordinates.
addEventListener('beforeprint', () => document.querySelectorAll('details').forEach(d => { d.open = !d.closest('#environment') && !d.closest('#embeddings'); }));
