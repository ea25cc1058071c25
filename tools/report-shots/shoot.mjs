// Opens a report in headless Chromium and takes a picture: node shoot.mjs REPORT.html OUT.png [light|dark|print] [WIDTH] [HEIGHT]
// Prints every console message and page error, and what text alternatives are missing; ends with 1 where there are any.
// Talks to the browser over its debugging pipe, so it needs no packages. CHROMIUM names the browser (default: chromium).
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [report, picture, scheme = 'light', width = '1100', height = '0'] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), 'report-shots-'));
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run', '--hide-scrollbars', `--user-data-dir=${profile}`, '--remote-debugging-pipe', 'about:blank'];
const browser = spawn(process.env.CHROMIUM ?? 'chromium', flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
const waiting = new Map();
const faults = [];
let last = 0, rest = '', session, loaded;
const done = new Promise(r => { loaded = r; });

browser.stdio[4].on('data', data => {
  const parts = (rest + data).split('\0');
  rest = parts.pop();
  for (const part of parts) {
    const message = JSON.parse(part);
    if (message.id) waiting.get(message.id)(message.error ? Promise.reject(new Error(message.error.message)) : message.result);
    if (message.method === 'Page.loadEventFired') loaded();
    if (message.method === 'Runtime.consoleAPICalled') faults.push(`console ${message.params.type}: ${message.params.args.map(a => a.value ?? a.description).join(' ')}`);
    if (message.method === 'Runtime.exceptionThrown') faults.push('exception: ' + (message.params.exceptionDetails.exception?.description ?? message.params.exceptionDetails.text));
    if (message.method === 'Log.entryAdded') faults.push(`log ${message.params.entry.level}: ${message.params.entry.text}`);
    if (message.method === 'Network.requestWillBeSent' && !/^(file|data):/.test(message.params.request.url)) faults.push('network: ' + message.params.request.url);
  }
});
const send = (method, params = {}) => new Promise(answer => {
  waiting.set(++last, answer);
  browser.stdio[3].write(JSON.stringify({ id: last, method, params, sessionId: session }) + '\0');
});

const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
session = (await send('Target.attachToTarget', { targetId, flatten: true })).sessionId;
for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await send(domain + '.enable');
const size = h => send('Emulation.setDeviceMetricsOverride', { width: +width, height: h, deviceScaleFactor: 1, mobile: false });
await size(900);
await send('Emulation.setEmulatedMedia', { media: scheme === 'print' ? 'print' : '', features: [{ name: 'prefers-color-scheme', value: scheme === 'dark' ? 'dark' : 'light' }] });
await send('Page.navigate', { url: pathToFileURL(resolve(report)).href });
await done;
const evaluate = async expression => (await send('Runtime.evaluate', { expression, returnByValue: true })).result.value;
faults.push(...await evaluate(`[...document.querySelectorAll('.chart')].filter(c => !c.getAttribute('aria-label') || !c.querySelector('svg path, svg rect')).map(c => 'chart without text or picture in ' + c.closest('section').id)`));
faults.push(...await evaluate(`document.documentElement.scrollWidth > innerWidth ? ['the page is ' + document.documentElement.scrollWidth + ' wide in a window of ' + innerWidth] : []`));
if (!await evaluate(`document.querySelectorAll('section').length`)) faults.push('no section was drawn');
await size(+height || await evaluate('document.documentElement.scrollHeight'));
const { data } = await send('Page.captureScreenshot', { format: 'png' });
writeFileSync(picture, Buffer.from(data, 'base64'));
await send('Browser.close');
await new Promise(r => browser.on('exit', r));
rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
for (const fault of faults) console.log(fault);
process.exit(faults.length > 0 ? 1 : 0);
