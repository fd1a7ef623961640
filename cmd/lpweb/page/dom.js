// Elements, and numbers as people read them. Text only ever becomes a text node.

export const $ = (id) => document.getElementById(id);

// el('td', {class: 'left', onclick: f}, 'text', node, ...)
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const whole = new Intl.NumberFormat('en');
export const count = (n) => whole.format(n);
export const plural = (n, noun) => `${count(n)} ${noun}${n === 1 ? '' : 's'}`;
export const known = (x) => x !== null && x !== undefined && Number.isFinite(x);
export const fixed = (x, digits) => (known(x) ? x.toFixed(digits) : '–');
export const percent = (x) => (known(x) ? `${(100 * x).toFixed(1)} %` : '–');

export function bytes(n) {
  if (!known(n)) return '–';
  if (n < 1000) return `${n} B`;
  const power = n < 1e6 ? [1e3, 'kB'] : n < 1e9 ? [1e6, 'MB'] : [1e9, 'GB'];
  return `${(n / power[0]).toPrecision(3)} ${power[1]}`;
}

// A bar of a chart: value as a share of most.
export function bar(value, most) {
  const inner = el('span', { class: 'bar' });
  inner.style.width = `${known(value) && most > 0 ? Math.max(0, Math.min(100, (100 * value) / most)) : 0}%`;
  return el('span', { class: 'track', 'aria-hidden': 'true' }, inner);
}

// A table: rows of cells, which are strings or nodes; those of the columns in left are text.
export function table(caption, heads, rows, left = []) {
  const cell = (name) => (content, i) => el(name, { class: left.includes(i) ? 'left wrap' : undefined,
    scope: name === 'th' ? 'col' : undefined }, content);
  return el('table', {}, el('caption', {}, caption),
    el('thead', {}, el('tr', {}, ...heads.map(cell('th')))),
    el('tbody', {}, ...rows.map((row) => el('tr', {}, ...row.map(cell('td'))))));
}

// Lets the browser take a key between two pieces of work.
export const pause = () => new Promise((resolve) => { setTimeout(resolve); });

// Hands bytes to the user as a file.
export function save(name, data, type = 'application/octet-stream') {
  const url = URL.createObjectURL(new Blob([data], { type }));
  el('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

export async function copy(text, button) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = 'copied';
  } catch {
    button.textContent = 'cannot copy';
  }
  setTimeout(() => { button.textContent = label; }, 1500);
}

// Shows what went wrong, or nothing.
export function showError(error) {
  const place = $('error');
  place.hidden = !error;
  place.textContent = error ? error.message : '';
}
