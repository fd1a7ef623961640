// The bytes of the prompt, and the text area that edits them: a part at a time where there are many,
// as a browser takes long to lay out a large text area at each key.
import { $, bytes, count } from './dom.js';
import { continuation, decode, decodeStrictly, encode } from './text.js';

const PART = 32 << 10; // bytes of a part, about
const PART_MAX = 4 * PART; // what typing may make of one, before it is cut anew

let parts = [new Uint8Array()];
let current = 0;
let whole = null; // all parts, joined, until one changes
let name = null; // of the file that it comes from, until it is edited
let changed = () => {};

// Where a part that begins at from ends: after a line, else before a character.
function endOf(data, from) {
  if (data.length - from <= PART) return data.length;
  const line = data.lastIndexOf(10, from + PART - 1) + 1;
  if (line > from + PART / 2) return line;
  let end = from + PART;
  for (let k = 0; k < 3 && continuation(data.subarray(end, end + 1)) > 0; k++) end--;
  return end;
}

function cut(data) {
  const list = [];
  for (let from = 0; from < data.length || list.length === 0;) {
    const end = endOf(data, from);
    list.push(data.subarray(from, end));
    from = end || 1;
  }
  return list;
}

export function promptBytes() {
  if (whole !== null) return whole;
  whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

// Takes bytes as they are: those of a file need not be UTF-8, nor end lines as a text area does.
export function setPrompt(data, file = null, part = 0) {
  whole = data;
  parts = cut(data);
  name = file;
  show(part);
  changed();
}

function show(part) {
  current = Math.max(0, Math.min(part, parts.length - 1));
  const text = decodeStrictly(parts[current]);
  $('text').readOnly = text === null;
  $('text').value = text ?? decode(parts[current]);
  $('parts').hidden = parts.length === 1;
  $('part').value = current + 1;
  $('part').max = parts.length;
  $('parts-note').textContent = `of ${count(parts.length)}; all ${bytes(promptBytes().length)} are measured`;
  $('part-before').disabled = current === 0;
  $('part-after').disabled = current === parts.length - 1;
  say(text === null);
}

function say(readOnly) {
  $('exactly').hidden = name === null && !readOnly;
  $('exactly').textContent = readOnly ? `${name ?? 'This'} is not UTF-8 here: it is measured as it is, and cannot be edited.`
    : `${name}: its bytes as they are, until you edit them.`;
}

// Puts other text in the place of the current part, which is cut anew where it has become large.
function replace(data) {
  name = null;
  whole = null;
  parts[current] = data;
  say(false);
  if (data.length > PART_MAX) setPrompt(promptBytes(), null, current);
  else changed();
}

// Browsers take a minute to insert a megabyte into a text area, so what is pasted goes another way.
function paste(event) {
  const pasted = event.clipboardData.getData('text/plain');
  const area = $('text');
  if (pasted.length < PART || area.readOnly) return;
  event.preventDefault();
  replace(encode(area.value.slice(0, area.selectionStart) + pasted + area.value.slice(area.selectionEnd)));
}

export const partBytes = () => parts[current].length;

export function startPrompt(onChange) {
  changed = onChange;
  $('text').addEventListener('input', () => replace(encode($('text').value)));
  $('text').addEventListener('paste', paste);
  $('part-before').addEventListener('click', () => show(current - 1));
  $('part-after').addEventListener('click', () => show(current + 1));
  $('part').addEventListener('change', () => show(Number($('part').value) - 1 || 0));
}
