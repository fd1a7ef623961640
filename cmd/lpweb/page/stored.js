// A packed file: its segments, its damage, its records.
import { Latest, ask, fetchBytes } from './api.js';
import { $, bytes, count, el, fixed, percent, plural, save, showError, table } from './dom.js';
import { decodeStrictly, encode, hex, visible } from './text.js';

const PAGE = 50; // records listed at once
const SHOWN = 200000; // bytes of a record that are shown

let file = null; // {name, data}
let first = 1;
const listing = new Latest();

// Shows a file. False where it is not packed: other bytes may begin as a blob does, so one that
// cannot be restored is only taken for one where that is expected.
export async function openStored(name, data, expected) {
  const answer = await ask('stored', {}, data);
  if (answer.kind === null || (answer.kind === 'blob' && answer.error !== null && !expected)) return false;
  file = { name, data };
  first = 1;
  $('words').value = '';
  $('record').replaceChildren();
  $('save-text').disabled = false;
  showSegments(answer);
  await list();
  return true;
}

function showSegments(answer) {
  const texts = answer.items.reduce((sum, item) => sum + item.text_bytes, 0);
  const whole = answer.error === null ? `, ${bytes(texts)} of text` : `: ${answer.error}`;
  $('stored-state').textContent = `${file.name}: a ${answer.kind} of ${bytes(answer.stored_bytes)}${whole}`;
  $('segments').replaceChildren(table(answer.kind === 'blob' ? 'The blob' : 'Segments',
    ['', 'Chain', 'Encoding', 'Records', 'Split', 'Blocks', 'Window', 'Text', 'Stored', 'Ratio', 'Saved', 'Check'],
    answer.items.map((item, i) => [String(i + 1), item.chain, item.vocabulary ?? '–', count(item.records), item.split,
      count(item.blocks), item.window > 0 ? `${bytes(item.window)}, ${plural(item.key_blocks, 'key block')}` : '–',
      bytes(item.text_bytes), bytes(item.stored_bytes), fixed(item.ratio, 2), percent(item.saved), item.check ?? 'none'])));
}

// --- Damage ---------------------------------------------------------------------------

function part(size, lost, title) {
  const element = el('i', { class: lost ? 'lost' : undefined, title });
  element.style.flexGrow = size;
  return element;
}

// The file from its begin to its end, with what is lost.
function showMap(losses) {
  const parts = [];
  let at = 0;
  for (const loss of losses) {
    if (loss.offset > at) parts.push(part(loss.offset - at, false, 'good'));
    parts.push(part(loss.bytes, true, `lost: ${loss.why}`));
    at = loss.offset + loss.bytes;
  }
  if (at < file.data.length) parts.push(part(file.data.length - at, false, 'good'));
  const lost = losses.reduce((sum, loss) => sum + loss.bytes, 0);
  $('map').replaceChildren(el('div', { class: 'map', role: 'img', 'aria-label': losses.length === 0 ? 'Every block is good' :
    `${plural(losses.length, 'run')} of damaged blocks, ${bytes(lost)} of ${bytes(file.data.length)}` }, ...parts),
  losses.length === 0 ? el('p', { class: 'good' }, 'Every block is good: its checksum has been verified.') : showLosses(losses));
}

function showLosses(losses) {
  const records = (loss) => loss.records === null ? 'unknown'
    : loss.first_record === null ? count(loss.records)
    : loss.records === 0 ? 'none' : `${count(loss.first_record)} to ${count(loss.first_record + loss.records - 1)}`;
  return el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Damage' }, table('Damaged blocks, which the rest does without', ['At byte', 'Stored', 'Records', 'Text', 'Why'],
    losses.map((loss) => [count(loss.offset), bytes(loss.bytes), records(loss), loss.text_bytes === null ? 'unknown' : bytes(loss.text_bytes), loss.why]), [4]));
}

// --- Records --------------------------------------------------------------------------

async function list() {
  const words = encode($('words').value);
  const answer = await listing.run((signal) => ask('records',
    { first, count: PAGE, ignore_case: $('case').checked ? 1 : 0 }, file.data, { beside: words.length > 0 ? words : undefined, signal }));
  if (!answer) return;
  showMap(answer.losses);
  $('records-card').hidden = false;
  const last = Math.min(first + PAGE - 1, answer.nmatching);
  const range = answer.nmatching === 0 ? '' : `, ${count(first)} to ${count(last)} are listed`;
  $('found').textContent = (words.length > 0 ? `${plural(answer.nmatching, 'record')} of ${count(answer.nrecords)} found` : plural(answer.nrecords, 'record')) +
    range + (answer.error ? `; then: ${answer.error}` : '');
  $('records-before').disabled = first === 1;
  $('records-after').disabled = last >= answer.nmatching;
  showRecords(answer.records, words.length > 0);
}

function showRecords(records, searched) {
  const heads = ['Record', 'Begins', 'Bytes', ...(searched ? ['Found'] : [])];
  const rows = records.map((record) => [
    record.number === null ? 'unknown' : el('button', { type: 'button', onclick: () => showRecord(record.number) }, count(record.number)),
    visible(record.start, false).trimEnd(), count(record.bytes), ...(searched ? [count(record.matches)] : [])]);
  $('records').replaceChildren(records.length > 0 ? table('Records', heads, rows, [1]) : '');
}

async function showRecord(number) {
  try {
    const data = await fetchBytes('record', { first: number }, file.data);
    const shown = data.subarray(0, SHOWN);
    const text = decodeStrictly(shown) ?? (data.length > SHOWN ? decodeStrictly(shown.subarray(0, SHOWN - 3)) : null);
    const heading = el('h3', { tabindex: -1 }, `Record ${count(number)}, ${plural(data.length, 'byte')}`);
    $('record').replaceChildren(heading,
      el('button', { type: 'button', onclick: () => save(`record-${number}.txt`, data) }, 'Save the record'),
      el('pre', { tabindex: 0 }, text === null ? hex(shown.subarray(0, 4000)) : visible(text, false)),
      data.length > SHOWN ? el('p', { class: 'note' }, `The first ${bytes(SHOWN)} are shown.`) : '');
    heading.focus();
  } catch (error) {
    showError(error);
  }
}

async function turn(by) {
  first = Math.max(1, first + by);
  await attempt(list);
}

async function attempt(work) {
  try {
    showError(null);
    await work();
  } catch (error) {
    showError(error);
  }
}

export function startStored() {
  $('search').addEventListener('submit', (event) => {
    event.preventDefault();
    first = 1;
    if (file) attempt(list);
  });
  $('records-before').addEventListener('click', () => turn(-PAGE));
  $('records-after').addEventListener('click', () => turn(PAGE));
  $('save-text').addEventListener('click', () => attempt(async () =>
    save(file.name.replace(/\.lp$/, '') === file.name ? `${file.name}.txt` : file.name.replace(/\.lp$/, ''), await fetchBytes('text', {}, file.data))));
}
