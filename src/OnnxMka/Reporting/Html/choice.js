'use strict';
// Sections about what was chosen and tried: search, selection, correction, order of removal, and the blocks of an inspected model.
const kindName = k => k === 'greedyLoss' ? 'greedy-loss' : k;

function search() {
  const found = report.search;
  if (!found) return;
  const s = section('search', 'What was tried', `${found.why}${found.complete ? '' : ' The budget ended the search; a larger one tries more.'}`);
  const name = t => `${t.selection ? kindName(t.selection) : 'exchange'} + ${t.compensation}`;
  // A trial without a finite loss has no bar; the table has it.
  const order = [...found.trials.keys()].filter(i => Number.isFinite(found.trials[i].heldOutPerplexity)).sort((a, b) => found.trials[a].heldOutPerplexity - found.trials[b].heldOutPerplexity).slice(0, 12);
  chart(s, '', 'Perplexity on held-out calibration text, best first: ' + order.map(i => `${name(found.trials[i])} ${fixed(found.trials[i].heldOutPerplexity, 2)}`).join('; '),
    Charts.bars(order.map(i => name(found.trials[i]) + (i === found.chosen ? ' (taken)' : '')), order.map(i => found.trials[i].heldOutPerplexity), ''));
  s.querySelector('.chart').style.height = 40 + 30 * order.length + 'px';
  s.append(table(['trial', 'blocks chosen by', 'blocks dropped', 'correction', 'held-out perplexity', 'seconds'], found.trials.map((t, i) => ({ picked: i === found.chosen,
    cells: [i + 1 + (i === found.chosen ? ' (taken)' : ''), t.selection ? kindName(t.selection) : 'exchange', t.removed.join(', '), t.compensation, fixed(t.heldOutPerplexity, 2), fixed(t.seconds, 1)] })), { words: [1, 2, 3] }));
}

function selection() {
  const chosen = report.selection?.chosen;
  if (!chosen?.length) return;
  const meaning = { bi: 'influence of the block, smallest first', angular: 'angle between the two ends of the run, as a share of pi', cka: 'linear CKA between the two ends of the block, largest first',
    greedyLoss: 'loss on calibration text without the block, in nats a token' }[report.selection.kind] ?? '';
  const s = section('selection', 'Choice of blocks', `Chosen by ${kindName(report.selection.kind)}: ${meaning}.`);
  s.append(table(['choice', 'block', 'score'], chosen.map((c, i) => [i + 1, c.block, fixed(c.score, 4)])));
}

function compensation() {
  const made = report.compensation;
  if (!made || (made.kind === 'none' && !made.trials.length)) return;
  const s = section('compensation', 'Correction of what is left', 'Distance from the original stream behind each block, relative, on calibration tokens that nothing was fitted to. A step that did not lower it was left out.');
  if (made.trials.length) s.append(table(['correction', 'held-out perplexity'], made.trials.map(t => ({ picked: t.kind === made.kind, cells: [t.kind + (t.kind === made.kind ? ' (taken)' : ''), fixed(t.heldOutPerplexity, 2)] }))));
  if (!made.steps.length) return;
  const known = made.steps.filter(t => Number.isFinite(t.errorBefore) && Number.isFinite(t.errorAfter);
  if (known.length) chart(s, '', 'Error before and after each step of the correction; the table below has the numbers', Charts.beforeAfter(known.map(t => `${t.block} ${t.place.split('/').pop()}`), known.map(t => t.errorBefore), known.map(t => t.errorAfter)));
  s.append(table(['block', made.kind, 'error before', 'after', 'ridge', 'kept'], made.steps.map(t => [t.block, t.place, fixed(t.errorBefore, 4), fixed(t.errorAfter, 4), t.ridge?.toExponential(0) ?? '-', t.kept ? 'yes' : `no: ${t.note ?? ''}`]), { words: [1], texts: made.steps.some(t => !t.kept) ? [5] : [] }));
}

function removalOrder() {
  const order = report.removalOrder;
  if (!order?.length) return;
  const s = section('order', 'Which blocks would go', 'The most similar neighbours first, ends protected; the numbers are those of the model, from 0. For tools that prune the same model in another format.');
  s.append(table(['removed', 'llama-quantize --prune-layers', 'layers that stay'], order.map((_, i) => {
    const gone = order.slice(0, i + 1);
    const stay = report.similarity.npib.map((_, b) => b).filter(b => !gone.includes(b));
    return [i + 1, [...gone].sort((a, b) => a - b).join(','), ranges(stay)];
  }), { texts: [1, 2] }));
}

const ranges = numbers => numbers.reduce((runs, n) => { const last = runs[runs.length - 1]; if (last && last[1] === n - 1) last[1] = n; else runs.push([n, n]); return runs; }, [])
  .map(([a, b]) => a === b ? String(a) : `${a}-${b}`).join(', ');

function inspection() {
  const total = report.blocks.reduce((a, b) => a + b.parameters, 0);
  tiles([[report.blocks.length, 'decoder blocks'], [whole(total), 'parameters in them'], [bytes(report.bytes), 'on disk'], [whole(report.nodes), 'nodes']]);
  const s = section('blocks', 'Blocks', `From ${report.tokenInput} to ${report.logits}; made by ${report.producer || 'an exporter without name'}, IR ${report.irVersion}, opset ${Object.entries(report.opsets).map(([d, v]) => `${d} ${v}`).join(', ')}. Blocks of one kind can be merged.`);
  chart(s, '', 'Bytes of parameters by block: ' + report.blocks.map(b => `${b.index}: ${bytes(b.bytes)}`).join(', '), Charts.columns(report.blocks.map(b => b.index), report.blocks.map(b => b.bytes / 1e6), 'megabytes of parameters'));
  s.append(table(['block', 'kind', 'nodes', 'parameters', 'bytes', 'cache in', 'cache out', 'seam after it'], report.blocks.map((b, i) => [b.index, b.kind, b.nodes, whole(b.parameters), bytes(b.bytes), b.kvInputs.join(' '), b.kvOutputs.join(' '),
    report.seams[i + 1].value + (report.seams[i + 1].fused ? ' (fused)' : '')]), { words: [5, 6, 7] }));
}
