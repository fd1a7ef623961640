// The page: tabs, the prompt and what is asked about it, files that are dropped in.
import { Latest, ask } from './api.js';
import { $, bytes, count, el, fixed, pause, plural, showError } from './dom.js';
import { decode, encode } from './text.js';
import { promptBytes, setPrompt, startPrompt } from './prompt.js';
import { arrange, showTokens, startTokens } from './tokens.js';
import { showMethods, startMethods } from './methods.js';
import { messagesOf, showChat, showCounts } from './counts.js';
import { openStored, startStored } from './stored.js';
import { startCompare } from './compare.js';
import { samples } from './samples.js';

const LARGE = 200000; // bytes: from here on typing waits longer for the figures
const DELAY = { small: 150, large: 900 }; // ms without a key before the server is asked

let limit = Infinity;
let timer = 0;
const calls = { tokens: new Latest(), counts: new Latest(), chat: new Latest(), measure: new Latest() };

const settings = () => ({ encoding: $('encoding').value, level: Number($('level').value) || 15 });

// --- What is asked --------------------------------------------------------------------

async function askTokens(data) {
  const answer = await calls.tokens.run((signal) => ask('tokens', { encoding: settings().encoding }, data, { signal }));
  if (!answer) return;
  await pause();
  await showTokens(arrange(answer, data));
}

async function askCounts(data) {
  const answer = await calls.counts.run((signal) => ask('counts', {}, data, { signal }));
  if (answer) showCounts(answer);
}

async function askChat(data) {
  const messages = messagesOf(decode(data.subarray(0, LARGE * 4)));
  if (messages === null) return showChat(null);
  const answer = await calls.chat.run((signal) => ask('chat', { encoding: settings().encoding }, data, { signal })
    .catch((error) => (signal.aborted ? Promise.reject(error) : null)));
  if (answer !== undefined) showChat(messages, answer);
}

async function askMeasure(data) {
  const parameters = settings();
  await calls.measure.run(async (signal) => {
    const measure = (more) => ask('measure', { ...parameters, ms: data.length < 20000 ? 5 : 1, ...more }, data, { signal });
    if (data.length > LARGE) showMeasured(await measure({ quick: 1 }), data, parameters);
    showMeasured(await measure({}), data, parameters);
  });
}

function showMeasured(answer, data, parameters) {
  showMethods(answer, { data, parameters });
  showFacts(answer);
  $('state').textContent = `${plural(answer.tokens, 'token')}, ${bytes(answer.original_bytes)}; smallest: ${answer.best}`;
}

function showFacts(report) {
  const fact = (name, value) => el('div', {}, el('dt', {}, name), el('dd', {}, value));
  $('facts').replaceChildren(fact('Bytes', count(report.original_bytes)), fact('Characters', count(report.characters)),
    fact('Tokens', count(report.tokens)), fact('Invalid bytes', count(report.invalid_bytes)),
    fact('Order-0 entropy', `${fixed(report.limit.bits_per_character, 2)} bits a character, ${bytes(Math.ceil(report.limit.min_bytes))}`));
}

async function update() {
  const data = promptBytes();
  showError(null);
  if (data.length > limit) {
    showError(new Error(`This is ${bytes(data.length)}, and the page takes ${bytes(limit)}: use the commands.`));
    return;
  }
  $('state').textContent = 'Measuring …';
  const results = await Promise.allSettled([askTokens(data), askCounts(data), askChat(data), askMeasure(data)]);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) {
    $('state').textContent = '';
    showError(failed.reason);
  }
}

function schedule(delay) {
  clearTimeout(timer);
  timer = setTimeout(update, delay);
}

// --- Files ----------------------------------------------------------------------------

async function openFile(file, tab) {
  try {
    showError(null);
    if (file.size > limit) throw new Error(`${file.name} has ${bytes(file.size)}, and the page takes ${bytes(limit)}: use the commands.`);
    const data = new Uint8Array(await file.arrayBuffer());
    if (await openStored(file.name, data, tab === 'stored' || file.name.endsWith('.lp'))) {
      select('stored');
    } else if (tab === 'stored') {
      throw new Error(`${file.name} is neither a stream nor a blob: drop a text onto another tab.`);
    } else if (tab === 'compare') {
      const empty = $('parent').value === '' ? 'parent' : 'child';
      $(empty).value = decode(data);
      $(empty).dispatchEvent(new Event('input'));
    } else {
      setPrompt(data, file.name);
    }
  } catch (error) {
    showError(error);
  }
}

function dropFiles() {
  const shade = $('drop');
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    shade.hidden = !event.dataTransfer.types.includes('Files');
  });
  document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) shade.hidden = true; });
  document.addEventListener('drop', (event) => {
    shade.hidden = true;
    if (event.dataTransfer.files.length === 0) return;
    event.preventDefault();
    openFile(event.dataTransfer.files[0], selected());
  });
}

// --- Tabs -----------------------------------------------------------------------------

const tabs = [...document.querySelectorAll('[role=tab]')];
const selected = () => tabs.find((tab) => tab.getAttribute('aria-selected') === 'true').getAttribute('aria-controls');

function select(id) {
  for (const tab of tabs) {
    const chosen = tab.getAttribute('aria-controls') === id;
    tab.setAttribute('aria-selected', String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    $(tab.getAttribute('aria-controls')).hidden = !chosen;
  }
}

function startTabs() {
  tabs.forEach((tab, i) => {
    tab.addEventListener('click', () => select(tab.getAttribute('aria-controls')));
    tab.addEventListener('keydown', (event) => {
      const to = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = tabs[(to + tabs.length) % tabs.length];
      select(next.getAttribute('aria-controls'));
      next.focus();
    });
  });
}

// --- Start ----------------------------------------------------------------------------

function startControls() {
  $('encoding').addEventListener('change', () => schedule(0));
  $('level').addEventListener('change', () => schedule(0));
  $('clear').addEventListener('click', () => { setPrompt(new Uint8Array()); $('text').focus(); });
  $('sample').append(...Object.keys(samples).map((name) => el('option', {}, name)));
  $('sample').addEventListener('change', () => $('sample').value && setPrompt(encode(samples[$('sample').value])));
  for (const [id, tab] of [['open', 'prompt'], ['open-stored', 'stored']])
    $(id).addEventListener('change', () => {
      if ($(id).files.length > 0) openFile($(id).files[0], tab);
      $(id).value = ''; // the same file can be opened again
    });
}

async function start() {
  startTabs();
  startTokens();
  startMethods();
  startStored();
  startCompare(settings);
  startControls();
  dropFiles();
  startPrompt(() => schedule(promptBytes().length < LARGE ? DELAY.small : DELAY.large));
  const about = await ask('about', {}, '');
  limit = about.text_bytes_max;
  $('version').textContent = `lopace ${about.version}`;
  $('encoding').append(...about.encodings.map(({ name, models, mixes }) =>
    el('option', { value: name, selected: name === 'cl100k_base' }, `${name}${mixes ? '' : ' (no model)'}${models.length > 0 ? `: ${models.slice(0, 3).join(', ')}` : ''}`)));
  const kept = $('text').value; // by the browser, when the page was loaded again
  setPrompt(encode(kept === '' ? samples['A prompt'] : kept));
}

start().catch(showError);
