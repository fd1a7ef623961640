// Two texts: what the second takes with the first as its parent, and what they share.
import { Latest, ask } from './api.js';
import { $, bytes, count, el, percent, showError, table } from './dom.js';
import { decode, encode, visible } from './text.js';
import { comparison } from './samples.js';

const SHOWN = 200000; // bytes of each text that are marked
const DELAY = 300;

const latest = new Latest();
let timer = 0;
let parameters = () => ({});

async function compare() {
  const parent = encode($('parent').value);
  const child = encode($('child').value);
  showError(null);
  $('shared-card').hidden = true;
  $('saving').replaceChildren();
  if (parent.length === 0 || child.length === 0) {
    $('compare-state').textContent = '';
    return;
  }
  $('compare-state').textContent = 'Comparing …';
  const answers = await latest.run((signal) => Promise.all([
    ask('compare', { encoding: parameters().encoding }, child, { beside: parent, signal }),
    ask('measure', { ...parameters(), ms: 1 }, child, { beside: parent, signal })]));
  if (!answers) return;
  showSaving(answers[1]);
  showShared(answers[0], parent, child);
}

// Each method that can copy from a parent, and the one that it adds that to.
const pairs = [['mix', 'window'], ['hybrid', 'window-hybrid']];

function showSaving(report) {
  const stored = (name) => report.methods.find((method) => method.method === name)?.blobs?.stored_bytes;
  const rows = pairs.filter(([alone, withParent]) => stored(alone) !== undefined && stored(withParent) !== undefined)
    .map(([alone, withParent]) => [`${alone}, or ${withParent}`, count(stored(alone)), count(stored(withParent)), percent(1 - stored(withParent) / stored(alone))]);
  const [, withParent] = pairs.find(([alone]) => stored(alone) !== undefined) ?? [];
  const best = stored(withParent);
  $('compare-state').textContent = best === undefined ? 'No method of this encoding copies from a parent.'
    : `${bytes(report.original_bytes)} of text are stored in ${bytes(best)} with the parent, by ${withParent}.`;
  $('saving').replaceChildren(table('As a blob', ['Method', 'Alone', 'With the parent', 'Saved'], rows));
}

// --- Marks ----------------------------------------------------------------------------

// A place in UTF-8 at or after which a character begins.
function boundary(data, i) {
  while (i < data.length && (data[i] & 0xc0) === 0x80) i++;
  return i;
}

// The text with runs [begin, end, number] marked, in order and without those that overlap.
function marked(data, runs) {
  const pieces = [];
  const shown = data.subarray(0, SHOWN);
  let at = 0;
  const text = (from, to) => visible(decode(shown.subarray(from, to)), false);
  for (const [begin, end, number] of runs) {
    const from = boundary(shown, Math.max(begin, at));
    const to = boundary(shown, Math.min(end, shown.length));
    if (to <= from) continue;
    pieces.push(text(at, from), el('mark', { 'data-run': number }, text(from, to)));
    at = to;
  }
  pieces.push(text(at, shown.length));
  if (data.length > SHOWN) pieces.push(el('em', {}, ` … and ${bytes(data.length - SHOWN)} more`));
  return pieces;
}

function showShared(answer, parent, child) {
  const inChild = answer.shared.map(([at, , n], i) => [at, at + n, i]);
  const inParent = answer.shared.map(([, at, n], i) => [at, at + n, i]).sort((a, b) => a[0] - b[0]);
  $('shared-card').hidden = false;
  $('shared-note').textContent = `${count(answer.shared_tokens)} of the text’s ${count(answer.tokens)} tokens, ` +
    `${percent(answer.bytes > 0 ? answer.shared_bytes / answer.bytes : 0)} of its bytes, stand in the parent too, in runs of four or more.`;
  $('marked-parent').replaceChildren(...marked(parent, inParent));
  $('marked-child').replaceChildren(...marked(child, inChild));
}

// Shows where else the run stands that the pointer is on.
function point(event) {
  const run = event.target.dataset?.run;
  for (const mark of document.querySelectorAll('.marked mark.at')) mark.classList.remove('at');
  if (run !== undefined)
    for (const mark of document.querySelectorAll(`.marked mark[data-run="${run}"]`)) mark.classList.add('at');
}

// --- Events ---------------------------------------------------------------------------

function schedule() {
  clearTimeout(timer);
  timer = setTimeout(() => compare().catch(showError), DELAY);
}

function fill(parent, child) {
  [$('parent').value, $('child').value] = [parent, child];
  schedule();
}

export function startCompare(settings) {
  parameters = settings;
  $('parent').addEventListener('input', schedule);
  $('child').addEventListener('input', schedule);
  $('example').addEventListener('click', () => fill(...comparison));
  $('swap').addEventListener('click', () => fill($('child').value, $('parent').value));
  for (const id of ['marked-parent', 'marked-child']) $(id).addEventListener('mouseover', point);
}
