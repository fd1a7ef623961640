// The methods side by side: a table to sort, charts, and what to take away.
import { fetchBytes } from './api.js';
import { $, bar, bytes, copy, count, el, fixed, known, percent, save, showError } from './dom.js';

let report = null; // as lpstat --json has it
let source = null; // {data, beside, parameters}
let order = { column: 1, down: false };

const form = () => document.querySelector('[name=form]:checked').value;
const figures = (method) => method[form()];

const columns = [
  { head: 'Method', get: (m) => m.method, show: (m) => m.method, words: true },
  { head: 'Bytes', get: (m) => figures(m)?.stored_bytes, show: (m) => count(figures(m).stored_bytes) },
  { head: 'Ratio', get: (m) => figures(m)?.ratio, show: (m) => fixed(figures(m).ratio, 2) },
  { head: 'Saved', get: (m) => figures(m)?.saved, show: (m) => percent(figures(m).saved) },
  { head: 'Bits/char', get: (m) => figures(m)?.bits_per_character, show: (m) => fixed(figures(m).bits_per_character, 2) },
  { head: 'Of entropy', get: (m) => figures(m)?.of_limit, show: (m) => percent(figures(m).of_limit) },
  { head: 'Pack MB/s', get: (m) => figures(m)?.pack_mb_s, show: (m) => fixed(figures(m).pack_mb_s, 1) },
  { head: 'Unpack MB/s', get: (m) => figures(m)?.unpack_mb_s, show: (m) => fixed(figures(m).unpack_mb_s, 1) },
  { head: 'Pack memory', get: (m) => figures(m)?.pack_memory_bytes, show: (m) => bytes(figures(m).pack_memory_bytes) },
  { head: 'Unpack memory', get: (m) => figures(m)?.unpack_memory_bytes, show: (m) => bytes(figures(m).unpack_memory_bytes) },
  { head: 'Restored', get: (m) => (m.exact ? 1 : 0), show: showProof },
];

function showProof(method) {
  return method.exact ? el('span', { class: 'good' }, 'every byte')
    : el('strong', { class: 'bad' }, `error ${figures(method).reconstruction_error}`);
}

export function showMethods(answer, from) {
  report = answer;
  source = from;
  draw();
}

const rows = () => report.methods.filter((method) => figures(method));

function sorted() {
  const { get, words } = columns[order.column];
  const sign = order.down ? -1 : 1;
  const value = (method) => (known(get(method)) || words ? get(method) : -Infinity);
  return rows().sort((a, b) => sign * (words ? value(a).localeCompare(value(b)) : value(a) - value(b)));
}

function sortBy(column) {
  order = { column, down: order.column === column ? !order.down : false };
  draw();
  $('methods').querySelectorAll('th button')[column].focus();
}

function drawHead(column, i) {
  const direction = i !== order.column ? 'none' : order.down ? 'descending' : 'ascending';
  return el('th', { scope: 'col', 'aria-sort': direction },
    el('button', { type: 'button', onclick: () => sortBy(i) }, column.head));
}

function drawRow(method, best) {
  const stream = form() === 'stream';
  const command = figures(method).command;
  const take = el('button', { type: 'button', 'aria-label': `Save ${method.method} as a ${stream ? 'stream' : 'blob'}`,
    onclick: () => download(method, stream) }, stream ? '.lp' : 'blob');
  const line = el('button', { type: 'button', 'aria-label': `Copy the command for ${method.method}`, title: command,
    onclick: (event) => copy(command, event.target) }, 'command');
  return el('tr', { class: method.method === best ? 'best' : undefined },
    ...columns.map((column, i) => el(i === 0 ? 'th' : 'td', { scope: i === 0 ? 'row' : undefined }, column.show(method))),
    el('td', {}, take, command ? line : null));
}

async function download(method, stream) {
  try {
    const data = await fetchBytes('pack', { ...source.parameters, method: method.method, stream: stream ? 1 : 0 },
      source.data, { beside: method.method.startsWith('window') && !stream ? source.beside : undefined });
    save(stream ? 'prompt.lp' : `prompt.${method.method}`, data);
  } catch (error) {
    showError(error);
  }
}

function drawTable() {
  const best = form() === 'blobs' ? report.best : report.best_stream;
  $('methods').replaceChildren(el('table', {},
    el('caption', {}, form() === 'blobs' ? 'The prompt as one blob' : 'The prompt as a stream'),
    el('thead', {}, el('tr', {}, ...columns.map(drawHead), el('th', { scope: 'col' }, 'Take it'))),
    el('tbody', {}, ...sorted().map((method) => drawRow(method, best)))));
}

// --- Charts ---------------------------------------------------------------------------

const charts = [
  ['Compression ratio', (f) => f.ratio, (x) => fixed(x, 2)],
  ['Space saved', (f) => f.saved, percent],
  ['Bytes', (f) => f.stored_bytes, count],
  ['Packing, MB/s', (f) => f.pack_mb_s, (x) => fixed(x, 1)],
  ['Unpacking, MB/s', (f) => f.unpack_mb_s, (x) => fixed(x, 1)],
];

function drawChart([name, get, show]) {
  const values = rows().map((method) => get(figures(method)) ?? NaN);
  const most = Math.max(0, ...values.filter(known));
  return el('div', { class: 'chart' }, el('h3', {}, name),
    el('ul', {}, ...rows().map((method, i) => el('li', {}, el('span', {}, method.method), bar(values[i], most), el('span', {}, show(values[i]))))));
}

function drawProof() {
  const one = report.methods[0]?.blobs ?? report.methods[0]?.stream;
  if (!one) return;
  const exact = report.methods.every((method) => method.exact);
  $('proof').replaceChildren(exact ? `Each method restored every byte: exact match, reconstruction error 0. ` : 'A method did not restore every byte. ',
    'SHA-256 ', el('code', {}, one.original_sha256));
}

function draw() {
  if (!report) return;
  drawTable();
  drawProof();
  $('charts').replaceChildren(...charts.map(drawChart));
}

export function startMethods() {
  for (const input of document.querySelectorAll('[name=form]')) input.addEventListener('change', draw);
  $('figures').addEventListener('click', () => report && save('figures.json', `${JSON.stringify(report, null, 2)}\n`, 'application/json'));
}
