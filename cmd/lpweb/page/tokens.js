// The tokens of the prompt, a window of them at a time: coloured, with what each takes.
import { $, bytes, count, el, fixed, pause, percent, plural, svg, table } from './dom.js';
import { continuation, decode, decodeStrictly, hex, visible } from './text.js';

const WINDOW = 1000; // tokens shown at once
const BUCKETS = 200; // bars of the overview
const LEVELS = 8; // of the heat map: two bits each
const LINES = 12;
const START = 120; // characters of a line that are shown

let tokens = null; // {data, n, shown, ids, starts, bits, sums}
let first = 0; // of the window
let at = -1; // the token that is looked at

// Makes arrays of what the server says: where each token begins, and the bits before it.
export function arrange(answer, data) {
  const n = answer.shown;
  const starts = new Uint32Array(n + 1);
  const sums = new Float64Array(n + 1);
  for (let i = 0; i < n; i++) {
    starts[i + 1] = starts[i] + answer.sizes[i];
    sums[i + 1] = sums[i] + (answer.centibits ? answer.centibits[i] / 100 : 0);
  }
  return { data, n: answer.tokens, shown: n, ids: answer.ids, starts, sums, bits: answer.centibits !== null };
}

const bitsOf = (i) => tokens.sums[i + 1] - tokens.sums[i];
const dataOf = (i) => tokens.data.subarray(tokens.starts[i], tokens.starts[i + 1]);
const level = (bits) => Math.min(LEVELS, Math.floor(bits / 2));
const byBits = () => tokens.bits && document.querySelector('[name=colour]:checked').value === 'bits';

export async function showTokens(arranged) {
  tokens = arranged;
  first = Math.min(first, Math.max(0, tokens.shown - 1));
  first -= first % WINDOW;
  at = -1;
  await redraw();
}

async function redraw() {
  drawLegend();
  drawOverview();
  showToken();
  await pause();
  drawWindow();
  await pause();
  drawLines();
}

// --- The window ---------------------------------------------------------------------

function drawToken(i) {
  const data = dataOf(i);
  const text = decodeStrictly(data);
  const colour = byBits() ? `b${level(bitsOf(i))}` : `t${i % 5}`;
  const shown = text === null ? hex(data) : visible(text, $('blanks').checked);
  return el('span', { id: `t${i}`, role: 'option', 'aria-selected': 'false',
    class: text === null ? `${colour} bytes` : colour }, shown);
}

function drawWindow() {
  const end = Math.min(tokens.shown, first + WINDOW);
  const spans = [];
  for (let i = first; i < end; i++) spans.push(drawToken(i));
  $('tokens').replaceChildren(...spans);
  $('tokens').removeAttribute('aria-activedescendant');
  $('pager').hidden = tokens.shown <= WINDOW;
  $('before').disabled = first === 0;
  $('after').disabled = end >= tokens.shown;
  $('from').value = first + 1;
  $('from').max = tokens.shown;
  const all = tokens.shown < tokens.n ? `, of ${count(tokens.n)} in all: the rest is counted and packed, but not shown` : '';
  $('shown').textContent = `to ${count(end)} of ${count(tokens.shown)}${all}`;
}

function moveWindow(to) {
  first = Math.max(0, Math.min(to, tokens.shown - 1));
  drawWindow();
  drawFrame();
}

// --- The overview: where the bytes go -------------------------------------------------

// The bits of each part of the text, or its tokens where there is no model.
function buckets() {
  const n = Math.min(BUCKETS, tokens.shown);
  const edge = (k) => Math.round((k * tokens.shown) / n);
  return Array.from({ length: n }, (_, k) => ({ from: edge(k), to: edge(k + 1),
    bits: (tokens.sums[edge(k + 1)] - tokens.sums[edge(k)]) / (edge(k + 1) - edge(k)) }));
}

function drawOverview() {
  const place = $('overview');
  place.replaceChildren();
  if (!tokens.bits || tokens.shown < 2) return;
  const parts = buckets();
  const most = Math.max(...parts.map((part) => part.bits), 1);
  const drawing = svg('svg', { viewBox: `0 0 ${parts.length} 100`, preserveAspectRatio: 'none', role: 'img',
    'aria-label': `Bits of each token along the text, at most ${fixed(most, 1)} on average of a part` });
  parts.forEach((part, k) => {
    const height = Math.max(2, (100 * part.bits) / most);
    drawing.append(svg('rect', { x: k, y: 100 - height, width: 0.9, height }));
  });
  drawing.addEventListener('click', (event) => {
    const box = drawing.getBoundingClientRect();
    const k = Math.floor((parts.length * (event.clientX - box.left)) / box.width);
    look(parts[Math.max(0, Math.min(parts.length - 1, k))].from);
  });
  place.append(drawing);
  drawFrame();
}

// Marks the window in the overview.
function drawFrame() {
  const drawing = $('overview').firstElementChild;
  if (!drawing) return;
  const scale = Math.min(BUCKETS, tokens.shown) / tokens.shown;
  drawing.querySelector('.window')?.remove();
  if (tokens.shown > WINDOW)
    drawing.append(svg('rect', { class: 'window', x: first * scale, y: 0, width: WINDOW * scale, height: 100 }));
}

function drawLegend() {
  const place = $('legend');
  const total = tokens.sums[tokens.shown];
  if (!tokens.bits) {
    place.textContent = tokens.shown > 0 ? 'There is no model of this encoding, so bits are not known.' : '';
    return;
  }
  const keys = [];
  for (let i = 0; byBits() && i <= LEVELS; i += 2) keys.push(el('span', { class: `key b${i}` }, `${2 * i}${i < LEVELS ? '' : '+'}`), ' ');
  place.replaceChildren(keys.length > 0 ? 'Bits of a token: ' : '', ...keys,
    `The model charges ${plural(Math.round(total), 'bit')}, ${bytes(Math.ceil(total / 8))}, ` +
    `${fixed(tokens.shown > 0 ? total / tokens.shown : NaN, 2)} bits a token.`);
}

// --- One token ------------------------------------------------------------------------

// The character that a token is a part of, or null.
function wholeCharacter(i) {
  let begin = tokens.starts[i];
  for (let k = 0; k < 3 && begin > 0 && (tokens.data[begin] & 0xc0) === 0x80; k++) begin--;
  const lead = tokens.data[begin];
  const size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return size > 1 ? decodeStrictly(tokens.data.subarray(begin, begin + size)) : null;
}

function describe(i) {
  const data = dataOf(i);
  const text = decodeStrictly(data);
  const total = tokens.sums[tokens.shown];
  const facts = [`Token ${count(i + 1)} of ${count(tokens.n)}: ${text === null ? hex(data) : `“${visible(text, true).replaceAll('\n', '')}”`}`];
  if (text === null) {
    const character = wholeCharacter(i);
    facts.push(character && continuation(data) < data.length + 1 ? `part of the character “${visible(character, true)}”` : 'bytes that are not UTF-8');
  }
  facts.push(`id ${tokens.ids[i]}`, `${plural(data.length, 'byte')} (${hex(data.subarray(0, 16)).replaceAll('\\x', ' ').trim()}${data.length > 16 ? ' …' : ''})`);
  if (tokens.bits)
    facts.push(`${fixed(bitsOf(i), 2)} bits`,
      `up to here ${bytes(Math.ceil(tokens.sums[i + 1] / 8))} of ${bytes(Math.ceil(total / 8))}, ${percent(total > 0 ? tokens.sums[i + 1] / total : 0)}`);
  return facts.join(' · ');
}

function showToken(hovered = at) {
  $('token').textContent = tokens && hovered >= 0 ? describe(hovered) : '';
}

// Selects a token, and brings it into view.
export function look(i) {
  if (!tokens || tokens.shown === 0) return;
  i = Math.max(0, Math.min(i, tokens.shown - 1));
  if (i < first || i >= first + WINDOW) moveWindow(i - (i % WINDOW));
  const old = $(`t${at}`);
  old?.classList.remove('at');
  old?.setAttribute('aria-selected', 'false');
  at = i;
  const span = $(`t${i}`);
  span.classList.add('at');
  span.setAttribute('aria-selected', 'true');
  $('tokens').setAttribute('aria-activedescendant', span.id);
  span.scrollIntoView({ block: 'nearest' });
  showToken();
}

// --- Lines ----------------------------------------------------------------------------

// Each line: its number, where it begins, its tokens and bits. A token counts where it begins.
function lines() {
  const { data, starts, shown, sums } = tokens;
  const list = [];
  for (let begin = 0, token = 0; token < shown;) {
    const found = data.indexOf(10, begin);
    const end = found < 0 ? data.length : found + 1;
    const first = token;
    while (token < shown && starts[token] < end) token++;
    list.push({ number: list.length + 1, begin, token: first, tokens: token - first, bits: sums[token] - sums[first] });
    begin = end;
  }
  return list;
}

function startOf(line) {
  const data = tokens.data.subarray(line.begin, line.begin + 4 * START);
  const end = data.indexOf(10);
  return visible(decode(end < 0 ? data : data.subarray(0, end)), false).slice(0, START);
}

function drawLines() {
  const list = tokens.bits ? lines() : [];
  $('lines-box').hidden = list.length < 3;
  if (list.length < 3) return;
  const total = tokens.sums[tokens.shown];
  const most = list.sort((a, b) => b.bits - a.bits).slice(0, LINES);
  $('lines').replaceChildren(table('Lines by what the model charges for them', ['Line', 'Begins', 'Tokens', 'Bytes', 'Share'],
    most.map((line) => [el('button', { type: 'button', onclick: () => look(line.token) }, count(line.number)),
      startOf(line), count(line.tokens), fixed(line.bits / 8, 1), percent(line.bits / total)]), [1]));
}

// --- Events ---------------------------------------------------------------------------

const numberOf = (target) => (target.id?.startsWith('t') && target.role === 'option' ? Number(target.id.slice(1)) : -1);

const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -10, ArrowDown: 10, PageUp: -WINDOW, PageDown: WINDOW, Home: -Infinity, End: Infinity };

export function startTokens() {
  const place = $('tokens');
  place.addEventListener('mouseover', (event) => numberOf(event.target) >= 0 && showToken(numberOf(event.target)));
  place.addEventListener('mouseleave', () => showToken());
  place.addEventListener('click', (event) => numberOf(event.target) >= 0 && look(numberOf(event.target)));
  place.addEventListener('keydown', (event) => {
    if (!(event.key in moves) || !tokens) return;
    event.preventDefault();
    look(at < 0 && Number.isFinite(moves[event.key]) ? first : at + moves[event.key]);
  });
  for (const input of [...document.querySelectorAll('[name=colour]'), $('blanks')])
    input.addEventListener('change', () => tokens && redraw());
  $('before').addEventListener('click', () => moveWindow(first - WINDOW));
  $('after').addEventListener('click', () => moveWindow(first + WINDOW));
  $('from').addEventListener('change', () => moveWindow(Number($('from').value) - 1 || 0));
}
