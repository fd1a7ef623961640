// Bytes as text that can be seen.

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

export const encode = (text) => encoder.encode(text);
export const decode = (data) => lenient.decode(data);

// The text of bytes, null where they are not UTF-8.
export function decodeStrictly(data) {
  try {
    return strict.decode(data);
  } catch {
    return null;
  }
}

export const hex = (data) => Array.from(data, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');

// What has no shape, or would reorder the line: controls, bidirectional controls, odd blanks.
const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u00a0\u00ad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff9-\uffff]/gu;
const code = (c) => `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`;

// With blanks, spaces, tabs and line feeds are shown too.
export function visible(text, blanks) {
  const seen = text.replace(unseen, code);
  return blanks ? seen.replace(/ /g, '·').replace(/\t/g, '→\t').replace(/\n/g, '↵\n') : seen;
}

// How many bytes at the begin of a piece belong to a character that begins before it.
export function continuation(data) {
  let n = 0;
  while (n < data.length && n < 3 && (data[n] & 0xc0) === 0x80) n++;
  return n;
}
