'use strict';
// Charts: each takes an element and the colours of the page, and returns the options of ECharts.
const Charts = (() => {
  const live = [];
  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colours = () => ({ ink: css('--ink'), soft: css('--soft'), line: css('--line'), paper: css('--paper'), accent: css('--accent'),
    dark: matchMedia('(prefers-color-scheme: dark)').matches && !matchMedia('print').matches });
  const series = c => c.dark ? ['#6cb2ff', '#ffb454', '#5fd39a', '#d9a0ff', '#ff8a80'] : ['#0b62c4', '#b85c00', '#1a7f4b', '#7a3fb0', '#b3261e'];
  const ramp = c => c.dark ? ['#1a202a', '#1d4a73', '#2f86c9', '#9fd4ff'] : ['#f7fbff', '#c6dbef', '#6baed6', '#08519c'];

  // Ink that can be read on the ramp at a share of it: dark on the light end, light on the dark end.
  const onRamp = (c, share) => (share > 0.6) === c.dark ? '#10151c' : share > 0.6 || c.dark ? '#ffffff' : '#1d2430';

  function draw(element, label, options) {
    element.setAttribute('role', 'img');
    element.setAttribute('aria-label', label);
    const chart = echarts.init(element, null, { renderer: 'svg' });
    const paint = () => { const c = colours(); chart.setOption(Object.assign({ animation: false, color: series(c), textStyle: { color: c.ink, fontFamily: 'inherit' } }, options(c)), true); };
    paint();
    live.push({ chart, paint });
    new ResizeObserver(() => chart.resize()).observe(element);
    return paint;
  }

  const repaint = () => live.forEach(l => l.paint());
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaint);
  matchMedia('print').addEventListener('change', repaint);

  const axis = (c, name, more) => Object.assign({ name, nameLocation: 'middle', nameGap: 30, nameTextStyle: { color: c.soft }, axisLabel: { color: c.soft },
    axisLine: { lineStyle: { color: c.line } }, splitLine: { lineStyle: { color: c.line } }, scale: true }, more);
  const grid = { left: 8, right: 24, top: 36, bottom: 34, containLabel: true };

  // Cells are similarities; a frame on the diagonal is a group of blocks that became one.
  const heat = (npib, groups, width) => c => {
    const blocks = npib.map((_, i) => String(i));
    const cells = npib.flatMap((row, i) => row.map((v, j) => [i, j, v]));
    const size = width / (blocks.length + 2.5);
    return {
      grid: { left: 8, right: 8, top: 8, bottom: 64, containLabel: true },
      tooltip: { formatter: p => p.seriesType === 'heatmap' ? `blocks ${p.value[0]} and ${p.value[1]}: ${p.value[2].toFixed(4)}` : '' },
      xAxis: { type: 'category', data: blocks, axisLabel: { color: c.soft }, axisTick: { show: false }, axisLine: { show: false } },
      yAxis: { type: 'category', data: blocks, inverse: true, axisLabel: { color: c.soft }, axisTick: { show: false }, axisLine: { show: false } },
      visualMap: { min: 0, max: 1, seriesIndex: 0, orient: 'horizontal', left: 'center', bottom: 4, precision: 2, text: ['1', 'NPIB 0'], textStyle: { color: c.soft }, inRange: { color: ramp(c) } },
      series: [
        { type: 'heatmap', data: cells.map(([i, j, v]) => ({ value: [i, j, v], label: { color: onRamp(c, v) } })),
          label: { show: size >= 22, fontSize: Math.min(11, size / 2.6), formatter: p => p.value[2] >= 0.995 ? '1' : p.value[2].toFixed(2).slice(1) }, itemStyle: { borderWidth: 0.5, borderColor: c.paper } },
        { type: 'custom', silent: true, data: groups.map(g => [g[0], g[g.length - 1]]), renderItem: (_, api) => {
          const from = api.coord([api.value(0), api.value(0)]), to = api.coord([api.value(1), api.value(1)]), cell = api.size([1, 1]);
          return { type: 'rect', shape: { x: from[0] - cell[0] / 2, y: from[1] - cell[1] / 2, width: to[0] - from[0] + cell[0], height: to[1] - from[1] + cell[1] },
            style: { fill: 'none', stroke: c.dark ? '#ffb454' : '#d45500', lineWidth: 3 } };
        } },
      ],
    };
  };

  const embedding = points => c => ({
    grid: { left: 8, right: 16, top: 12, bottom: 34, containLabel: true },
    tooltip: { formatter: p => `sample ${p.dataIndex}: ${p.value[0]}, ${p.value[1] ?? 0}` },
    xAxis: axis(c, 'diffusion coordinate 1', { axisLabel: { color: c.soft, hideOverlap: true } }), yAxis: axis(c, 'coordinate 2', { nameGap: 44 }),
    visualMap: { show: false, dimension: 2, min: 0, max: points.length, inRange: { color: c.dark ? ['#6cb2ff', '#ffb454'] : ['#0b62c4', '#d45500'] } },
    series: [{ type: 'scatter', symbolSize: 6, data: points.map((p, i) => [p[0], p[1] ?? 0, i]) }],
  });

  const depth = seams => c => ({
    grid: Object.assign({}, grid, { top: 48 }), legend: { top: 0, bottom: 'auto', textStyle: { color: c.ink } }, tooltip: { trigger: 'axis' },
    xAxis: axis(c, 'block', { type: 'category', data: seams.map(s => s.block) }),
    yAxis: [axis(c, '', { type: 'log', minorSplitLine: { show: false } }), axis(c, '', { splitLine: { show: false } })],
    series: [{ name: 'norm after the block (left, log)', type: 'line', data: seams.map(s => s.norm) },
      { name: 'influence (right)', type: 'bar', yAxisIndex: 1, barWidth: '40%', itemStyle: { opacity: 0.75 }, data: seams.map(s => s.influence) }],
  });

  const curve = (original, points, x, xName, scale) => c => {
    const methods = [...new Set(points.map(p => p.method))];
    const value = p => [x(p) / scale, p.perplexity.value];
    const all = [original.perplexity, ...points.map(p => p.perplexity.value)];
    const wide = Math.max(...all) > 20 * Math.min(...all);
    return {
      grid: Object.assign({}, grid, { left: 20, top: 48, right: 40, bottom: 40 }), legend: { top: 0, bottom: 'auto', textStyle: { color: c.ink }, type: 'scroll' }, tooltip: {},
      xAxis: axis(c, xName), yAxis: axis(c, 'perplexity', { type: wide ? 'log' : 'value', nameGap: 40 }),
      series: [...methods.map((m, k) => ({ name: m, type: 'line', symbolSize: 9, symbol: ['circle', 'rect', 'triangle', 'diamond'][k % 4],
        lineStyle: { type: ['solid', 'dashed', 'dotted'][k % 3] }, labelLayout: { hideOverlap: true }, data: points.filter(p => p.method === m).sort((a, b) => x(a) - x(b)).map(p => ({ value: value(p),
          label: { show: methods.length < 3 || p.onSizeFront || p.onSpeedFront, color: c.ink, position: k % 2 ? 'bottom' : 'top', formatter: p.perplexity.value.toFixed(1) } })) })),
      { name: 'original', type: 'scatter', symbol: 'pin', symbolSize: 22, itemStyle: { color: c.ink }, data: [{ value: [original.x / scale, original.perplexity], label: { show: true, color: c.ink, position: 'bottom', formatter: original.perplexity.toFixed(1) } }] }],
    };
  };

  const bars = (names, values, unit) => c => ({
    grid: { left: 8, right: 70, top: 8, bottom: 8, containLabel: true },
    xAxis: { show: false, type: 'value', min: 0 }, yAxis: { type: 'category', inverse: true, data: names, axisLabel: { color: c.ink }, axisTick: { show: false }, axisLine: { show: false } },
    series: [{ type: 'bar', barMaxWidth: 26, data: values.map((v, i) => ({ value: v, itemStyle: { color: series(c)[i] } })), label: { show: true, position: 'right', color: c.ink, formatter: p => typeof p.value === 'number' ? p.value.toFixed(2) + unit : '' } }],
  });

  const beforeAfter = (names, before, after) => c => ({
    grid: Object.assign({}, grid, { left: 30, top: 40, bottom: 10 }), legend: { top: 0, bottom: 'auto', textStyle: { color: c.ink } }, tooltip: { trigger: 'axis' },
    xAxis: { type: 'category', data: names, axisLabel: { color: c.soft, rotate: 35, hideOverlap: true }, axisLine: { lineStyle: { color: c.line } }, axisTick: { show: false } },
    yAxis: axis(c, 'relative error', { nameGap: 44, scale: false }),
    series: [{ name: 'before', type: 'bar', barGap: '5%', data: before }, { name: 'after', type: 'bar', data: after }],
  });

  const columns = (names, values, unit) => c => ({
    grid: Object.assign({}, grid, { left: 20, top: 24 }),
    xAxis: axis(c, 'block', { type: 'category', data: names }), yAxis: axis(c, unit, { nameGap: 40, scale: false }), tooltip: {},
    series: [{ type: 'bar', data: values, label: { show: values.length <= 24, position: 'top', color: c.soft, fontSize: 11, formatter: p => p.value.toFixed(p.value < 10 ? 2 : 0) } }],
  });

  const deltas = (blocks, roles, cells) => c => { const most = Math.max(0.01, ...cells.map(d => d[2])); return ({
    grid: { left: 8, right: 8, top: 8, bottom: 60, containLabel: true },
    tooltip: { formatter: p => `block ${blocks[p.value[0]]}: ${(100 * p.value[2]).toFixed(2)} %` },
    xAxis: { type: 'category', data: blocks.map(b => 'block ' + b), axisLabel: { color: c.soft }, axisLine: { show: false }, axisTick: { show: false } },
    yAxis: { type: 'category', data: roles, inverse: true, axisLabel: { color: c.soft }, axisLine: { show: false }, axisTick: { show: false } },
    visualMap: { min: 0, max: most, orient: 'horizontal', left: 'center', bottom: 4, text: [(100 * most).toFixed(0) + ' %', '0 %'], textStyle: { color: c.soft }, inRange: { color: ramp(c) } },
    series: [{ type: 'heatmap', data: cells.map(d => ({ value: d, label: { color: onRamp(c, d[2] / most) } })), label: { show: true, formatter: p => (100 * p.value[2]).toFixed(1) + ' %' }, itemStyle: { borderColor: c.paper, borderWidth: 1 } }],
  }); };

  return { draw, heat, embedding, depth, curve, bars, beforeAfter, columns, deltas };
})();
